"""Who may take traffic, endpoint by endpoint: what `valkyrie.services.groups_of` must find."""

from __future__ import annotations

from collections import defaultdict


def naive_groups(service, states, zone="", region="", subset=(), fallback="none"):
    """Shares by (level, class): list of (share, positions, panic), and the status if there is none.

    `states` are dicts of health, admin, ejected, weight, one an endpoint of the service.
    """
    standing = [
        i
        for i, (endpoint, state) in enumerate(zip(service.endpoints, states, strict=True))
        if state["admin"] == "up" and endpoint.weight * state["weight"] > 0
    ]
    if subset:
        fit = [i for i in standing if all(service.endpoints[i].metadata.get(k) == v for k, v in subset)]
        if fit:
            standing = fit
        elif fallback == "none" and standing:
            return [], "constrained"
    ejected = sorted(
        (i for i in standing if states[i]["ejected"] != "no"),
        key=lambda i: (states[i]["ejected"] != "breaker", service.endpoints[i].identity.encode()),
    )
    ejected = set(ejected[: int(service.max_ejected * len(standing) + 1e-9)])
    levels = defaultdict(list)
    for i in standing:
        endpoint = service.endpoints[i]
        levels[endpoint.priority, _distance(endpoint, zone, region)].append(i)
    ordered = [levels[key] for key in sorted(levels)]

    def kind(i):
        if states[i]["health"] == "unhealthy" or i in ejected:
            return "out"
        return "degraded" if states[i]["health"] == "degraded" else "healthy"

    counts = [[sum(kind(i) == which for i in level) for which in ("healthy", "degraded")] for level in ordered]
    reach = sum(min(1, service.overprovision * sum(c) / len(level)) for c, level in zip(counts, ordered, strict=True))
    panics = [
        reach < 1 and sum(c) / len(level) < service.panic_threshold for c, level in zip(counts, ordered, strict=True)
    ]
    if not reach:
        first = [level for level, panic in zip(ordered, panics, strict=True) if panic][:1]
        return [(1.0, level, True) for level in first], "unhealthy"
    rest, shares = 1.0, []
    for which in ("healthy", "degraded"):
        for level, panic, (h, d) in zip(ordered, panics, counts, strict=True):
            if panic and which == "degraded":
                continue
            able = h + d if panic else (h if which == "healthy" else d)
            share = min(rest, service.overprovision * able / len(level))
            rest -= share
            if share > 0:
                shares.append((share, [i for i in level if panic or kind(i) == which], panic))
    total = sum(share for share, _, _ in shares)
    return [(share / total, members, panic) for share, members, panic in shares], "unhealthy"


def _distance(endpoint, zone, region):
    if not zone and not region:
        return 0
    same_region = bool(region) and endpoint.region == region
    if zone and endpoint.zone == zone and (same_region or not region):
        return 0
    return 1 if same_region else 2
