"""What a training run is told, read from TOML and checked."""
