"""Traces of the kernel (trace.txt) and of rqsim (--trace FILE:text) as lists of the same events.

An event: time in ns, CPU, kind, and what it says, with the kernel's words for tasks and states.

  switch    next, donor, prev, state; of a fair donor lag, dl, slice, h_nr
  donor     curr, donor        the same task goes on under another scheduling context
  waking, wakeup, migrate      task, and the CPU it is about
  op_end    task, op, arg      an operation is over;  op_exit: the task
  request, dl_...              options
"""

import collections

Event = collections.namedtuple("Event", "t cpu kind fields line")

# With what the recordings say of the entity.
DEADLINE_EVENTS = {"dl_throttle": ("runtime", "deadline"), "dl_replenish": ("runtime", "deadline"),
                   "dl_server_start": (), "dl_server_stop": ()}

FAIR = ("lag", "dl", "slice", "h_nr")


# OpKind in rqsim/scenario.h.
LOCK_OPS = {"4": "lock", "5": "unlock"}
HOTPLUG_OPS = ("offline", "online")
STOPPER = "other:migration/"  # the stop task of a CPU, where the recorder names kernel threads


def fields_of(words):
    return dict(word.split("=", 1) for word in words if "=" in word)


def as_here(line):
    """A recorded line with rqsim's names of tasks."""
    return line.replace(STOPPER, "stop/")


def of_kernel(lines):
    events = []
    for line in map(as_here, lines):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        t, cpu, name = int(words[0]), int(words[1]), words[2]
        values = fields_of(words[3:])
        event = None
        if name == "sched_switch":
            event = ("switch", values)
        elif name == "donor_change":
            event = ("donor", values)
        elif name == "sched_waking":
            event = ("waking", {"task": values["task"], "to": values["target_cpu"]})
        elif name == "sched_wakeup":
            event = ("wakeup", {"task": values["task"], "to": values["target_cpu"]})
        elif name == "sched_migrate_task":
            event = ("migrate", {"task": values["task"], "from": values["orig"], "to": values["dest"]})
        elif name == "op_end":
            event = ("op_end", {"task": words[3], "op": words[4], "arg": words[5] if len(words) > 5 else ""})
            if words[4] in HOTPLUG_OPS:
                events.append(Event(t, cpu, "hotplug_end", {"task": words[3], "result": None}, line.rstrip("\n")))
        elif name == "op_begin" and words[4] in HOTPLUG_OPS:
            event = ("hotplug_begin", {"op": words[4], "cpu": words[5]})
        elif name == "op_exit":
            event = ("op_exit", {"task": words[3]})
        elif name == "need_resched":
            event = ("request", {"on": values["on_cpu"], "curr": values["curr"]})
        elif name in DEADLINE_EVENTS:
            event = (name, {"who": words[3], **{key: values[key] for key in DEADLINE_EVENTS[name]}})
        if event is not None:
            events.append(Event(t, cpu, event[0], event[1], line.rstrip("\n")))
    return events


def switch_of_rqsim(values, fair):
    event = {"next": values["next_comm"], "prev": values["prev_comm"], "state": values["prev_state"]}
    event["donor"] = values.get("donor_comm", values.get("donor", event["next"]))
    if fair is not None and fair["comm"] == event["donor"]:
        event.update({key: fair[key] for key in FAIR})
    return event


def with_late_ends(events):
    """rqsim's mark of a lock or unlock is made before the task leaves the kernel, where it may be preempted;
    the recorder's after. So a task that is switched out right then has its mark when it is back."""
    result = list(events)
    last = {}  # by task: where its mark is, if it could still be late
    for i, event in enumerate(events):
        fields = event.fields
        if event.kind == "op_end":
            last[fields["task"]] = i if fields["op"] in LOCK_OPS.values() else None
        elif event.kind == "switch":
            mark = last.get(fields["prev"])
            if mark is not None and (result[mark].t != event.t or not fields["state"].startswith("R")):
                last[fields["prev"]] = None
            mark = last.pop(fields["next"], None)
            if mark is not None:
                result[mark] = result[mark]._replace(t=event.t)
    return result


def without_passing_donors(events):
    """A wake-up that takes a donor away leaves the CPU with another one until it reschedules. The recorder looks
    when that is over, rqsim tells at once."""
    result = []
    next_switch = {}  # by CPU: the instant of the switch that comes after this event
    for event in reversed(events):
        if event.kind == "donor" and event.fields["curr"] == event.fields["donor"] and next_switch.get(event.cpu) == event.t:
            continue
        if event.kind == "switch":
            next_switch[event.cpu] = event.t
        result.append(event)
    return result[::-1]


def of_rqsim(lines):
    events = []
    fair = {}  # by CPU: what the fair class said when it last set a donor
    for line in lines:
        words = line.split()
        if len(words) < 3 or words[1] == "-":
            continue
        t, cpu, name = int(words[0]), int(words[1]), words[2]
        values = fields_of(words[3:])
        event = None
        if name == "fair_pick":
            fair[cpu] = values
        elif name == "sched_switch":
            event = ("switch", switch_of_rqsim(values, fair.pop(cpu, None)))
        elif name == "proxy_donor":
            event = ("donor", {"curr": values["curr"], "donor": values["donor"]})
        elif name == "sched_waking":
            event = ("waking", {"task": values["comm"], "to": values["target_cpu"]})
        elif name == "sched_wakeup":
            event = ("wakeup", {"task": values["comm"], "to": values["target_cpu"]})
        elif name == "sched_migrate_task":
            event = ("migrate", {"task": values["comm"], "from": values["orig_cpu"], "to": values["dest_cpu"]})
        elif name == "op_end":
            op = LOCK_OPS.get(values["op"], "other")
            event = ("op_end", {"task": values["comm"], "op": op, "arg": values.get("object", "")})
        elif name == "hotplug_op" and values["phase"] == "0":
            event = ("hotplug_begin", {"op": "offline" if values["target"] == "0" else "online", "cpu": values["cpu"]})
        elif name == "hotplug_op" and values["phase"] == "2":
            event = ("hotplug_end", {"task": None, "result": int(values["result"])})
        elif name == "sched_process_exit":
            event = ("op_exit", {"task": values["comm"]})
        elif name == "sched_set_need_resched":
            event = ("request", {"on": str(cpu), "curr": values["comm"]})
        elif name.removeprefix("sched_") in DEADLINE_EVENTS:
            name = name.removeprefix("sched_")
            who = "fair_server" if values["comm"] == "none" else values["comm"]
            event = (name, {"who": who, **{key: values[key] for key in DEADLINE_EVENTS[name]}})
        if event is not None:
            events.append(Event(t, cpu, event[0], event[1], line.rstrip("\n")))
    return without_passing_donors(with_late_ends(events))
