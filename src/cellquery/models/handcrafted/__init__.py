"""Hand-crafted features: functions of grey levels and nuclei, one idea a file."""
