"""Checks of the local region with boto3, by service; all of one run share one name."""
