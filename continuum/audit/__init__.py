"""What a deployment would meet: versions, patches, and replays of the runs in flight."""
