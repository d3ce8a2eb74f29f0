"""Where a simulated schedule first differs from a recorded one (machine.md 14, "Compared")."""

import collections

from events import DEADLINE_EVENTS, FAIR, HOTPLUG_OPS

BEFORE = 5  # events shown before a difference

WAKEUPS = ("waking", "wakeup", "migrate")

# Where two lists part: the instant, what is compared, and the events of both sides (or None).
Difference = collections.namedtuple("Difference", "t what recorded simulated")


def key(event, strict):
    """What is compared of an event, without its instant."""
    fields = event.fields
    if event.kind == "switch":
        result = (fields["next"], fields["donor"])
        if strict:
            result += (fields["prev"], fields["state"]) + tuple(fields.get(name) for name in FAIR)
        return ("switch", event.cpu) + result
    if event.kind == "donor":
        return ("donor", event.cpu, fields["curr"], fields["donor"])
    if event.kind == "op_end":
        # An acquisition is told by its lock; other operations only by their end.
        op = "lock" if fields["op"] == "lock" else "op"
        return (op, fields["arg"] if op == "lock" else "")
    return (event.kind,) + tuple(sorted(fields.items()))


def lists_of(events, cpus, strict, options):
    """The lists in which order counts: by name, the events."""
    lists = collections.defaultdict(list)
    for event in events:
        if event.kind in ("switch", "donor"):
            lists["schedule" if cpus == 1 else f"schedule of CPU {event.cpu}"].append(event)
        elif event.kind in WAKEUPS or event.kind in options:
            if cpus == 1:
                lists["schedule"].append(event)
        elif event.kind in ("op_end", "op_exit"):
            lists[f"operations of {event.fields['task']}"].append(event)
    return lists


def part(name, recorded, simulated, strict):
    """Where two lists part, or None."""
    for i in range(max(len(recorded), len(simulated))):
        r = recorded[i] if i < len(recorded) else None
        s = simulated[i] if i < len(simulated) else None
        if r is not None and s is not None and r.t == s.t and key(r, strict) == key(s, strict):
            continue
        return Difference(min(e.t for e in (r, s) if e is not None), name, r, s)
    return None


def part_of_multisets(recorded, simulated, kinds, strict):
    """The first instant whose events of these kinds are not the same on both sides, or None."""
    sides = []
    for events in (recorded, simulated):
        instants = collections.defaultdict(list)
        for event in events:
            if event.kind in kinds:
                instants[event.t].append(event)
        sides.append(instants)
    for t in sorted(set(sides[0]) | set(sides[1])):
        left, right = (collections.Counter(key(event, strict) for event in side[t]) for side in sides)
        if left == right:
            continue
        only = [next((event for event in side[t] if key(event, strict) in more), None)
                for side, more in ((sides[0], left - right), (sides[1], right - left))]
        return Difference(t, "wake-ups of an instant", only[0], only[1])
    return None


def shown(events, event, t):
    """The lines before an event, and its own."""
    if event is None:
        last = len([e for e in events if e.t < t])
        return [e.line for e in events[max(0, last - BEFORE):last]] + ["(nothing)"]
    at = next(i for i, e in enumerate(events) if e is event)
    return [e.line for e in events[max(0, at - BEFORE):at + 1]]


def describe(difference, recorded, simulated):
    lines = [f"at {difference.t} ns: {difference.what}"]
    for side, events, event in (("recorded", recorded, difference.recorded),
                                ("simulated", simulated, difference.simulated)):
        lines.append(f"  {side}:")
        block = shown(events, event, difference.t)
        lines += [f"      {line}" for line in block[:-1]] + [f"    > {block[-1]}"]
    return "\n".join(lines)


def has_hotplug(ops):
    return any(op[0] in HOTPLUG_OPS or (op[0] == "repeat" and has_hotplug(op[2])) for op in ops)


def phases(events, names, end):
    """Between two hotplug operations: where each task ran, in order, for longer than no time."""
    result = [collections.defaultdict(list)]
    running, inside = {}, False
    for event in [*events, None]:
        t = end if event is None else event.t
        if event is None or event.kind in ("switch", "hotplug_begin", "hotplug_end"):
            for cpu, (task, since) in running.items():
                if t > since and not inside and result[-1][task][-1:] != [cpu]:
                    result[-1][task].append(cpu)
                running[cpu] = (task, t)
        if event is None:
            break
        if event.kind == "switch":
            running.pop(event.cpu, None)
            if event.fields["next"] in names:
                running[event.cpu] = (event.fields["next"], event.t)
        elif event.kind == "hotplug_begin":
            inside = True
        elif event.kind == "hotplug_end":
            inside = False
            result.append(collections.defaultdict(list))
    return [dict(phase) for phase in result]


def refused(facts, simulated):
    """How many offline operations failed, on both sides."""
    ops, count = [], 0
    for event in simulated:
        if event.kind == "hotplug_begin":
            ops.append(event.fields["op"])
        elif event.kind == "hotplug_end" and ops:
            count += ops.pop(0) == "offline" and event.fields["result"] != 0
    return sum("offline failed" in note for note in facts.get("console_notes", [])), count


def placement_difference(workload, facts, recorded, simulated):
    """The recordings with hotplug are one legal outcome each: what counts is where tasks run between the operations, and
    what is refused."""
    names = {task["name"] for task in workload["tasks"]}
    end = workload["end_ns"]
    sides = [phases([e for e in events if e.t < end], names, end) for events in (recorded, simulated)]
    there, here = refused(facts, simulated)
    if there != here:
        return f"between operations: {there} offline operations refused in the recording, {here} here"
    if len(sides[0]) != len(sides[1]):
        return f"between operations: {len(sides[0]) - 1} operations in the recording, {len(sides[1]) - 1} here"
    for i, (left, right) in enumerate(zip(*sides)):
        for name in sorted(names):
            if left.get(name, []) != right.get(name, []):
                return (f"after {i} operations: {name} ran on CPUs {left.get(name, [])} in the recording, "
                        f"on {right.get(name, [])} here")
    return None


def first_difference(workload, facts, recorded, simulated, strict, events):
    """A description of the first difference, or None if the two are equal."""
    if any(has_hotplug(task["ops"]) for task in workload["tasks"]):
        return placement_difference(workload, facts, recorded, simulated)
    hotplug = ("hotplug_begin", "hotplug_end")
    recorded = [event for event in recorded if event.kind not in hotplug]
    simulated = [event for event in simulated if event.kind not in hotplug]
    cpus = workload["cpus"]
    end = workload["end_ns"]
    options = {"request", *DEADLINE_EVENTS} if events else set()
    recorded = [e for e in recorded if e.t < end]
    simulated = [e for e in simulated if e.t < end]
    left = lists_of(recorded, cpus, strict, options)
    right = lists_of(simulated, cpus, strict, options)
    differences = [part(name, left.get(name, []), right.get(name, []), strict) for name in sorted(set(left) | set(right))]
    if cpus > 1:
        differences.append(part_of_multisets(recorded, simulated, set(WAKEUPS) | options, strict))
    differences = [difference for difference in differences if difference is not None]
    if not differences:
        return None
    return describe(min(differences, key=lambda d: (d.t, d.what)), recorded, simulated)
