"""The streaming signal front end: from raw codes to the network's input, in integers, with memory."""
