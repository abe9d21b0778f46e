"""What a bone carries: activities of a usual day, their estimate from a scan, and bone that the loads can reach."""
