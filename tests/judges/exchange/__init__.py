"""Holds recorded exchanges of AWS calls against botocore's service models, stricter than botocore itself."""
