"""Full screens; they navigate by message through the app."""
