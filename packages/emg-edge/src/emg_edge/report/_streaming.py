"""What is said about the streaming front end and about changes of precision that were measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

N_RANKED = 15


def stream_rows(front: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return the facts about a front end, for people; nothing where there is none."""
    if front is None:
        return []
    rows = [
        ("raw signal", f"{front['channels']} channels at {front['sfreq']:g} Hz"),
        ("filter", f"{front['sections']} second-order sections, error at most {front['filter_error_codes']:.3g} codes"),
        ("window", f"{front['window']} frames, a new one every {front['hop']}"),
        ("state", f"{front['state_bytes']:,} B"),
        ("constants", f"{front['constant_bytes']:,} B"),
    ]
    if "cycles_per_frame" not in front:
        return rows
    rows += [
        ("a frame, modelled", f"{front['cycles_per_frame']:,} cycles"),
        ("a window, modelled", f"{front['cycles_per_window']:,} cycles before the network"),
        ("a second, modelled", f"{front['cycles_per_second']:,} cycles, {front['windows_per_second']:g} windows"),
    ]
    if front["real_time_factor"] is not None:
        text = f"{front['real_time_factor']:,.1f} times faster than the signal ({front['load']:.1%} of the time)"
        rows.append(("real time, modelled", text))
    return rows


def ranked_rows(ranking: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the changes of precision that take away most noise, for people."""
    return [
        {
            "layer": row["layer"],
            "what": row["what"],
            "change": f"{row['now']} → {row['then']}",
            "gain": f"{row['gain_db']:+.1f}",
            "nbytes": f"{row['nbytes']:+,}",
            "cycles": "" if row["cycles"] is None else f"{row['cycles']:+,}",
            "advice": row["advice"],
        }
        for row in ranking[:N_RANKED]
        if row["removed"] > 0
    ]
