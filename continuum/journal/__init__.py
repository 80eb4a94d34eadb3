"""What a run's journal is made of; data only, shared by engine, worker and stores."""
