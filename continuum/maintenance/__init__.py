"""Looking after what a database has gathered; nothing here happens unless somebody asks."""
