"""Client of the Titan execution server. The public names are in ``execution.execution_client``."""
