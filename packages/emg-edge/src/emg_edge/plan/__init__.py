"""Where every byte lives: lifetimes, arena, memory levels, tiles."""
