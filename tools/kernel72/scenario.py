"""The scenario of a recorded workload: the machine, start state and policies of machine.md 14."""

import json


class NotModelled(Exception):
    """The workload has something that rqsim does not do yet."""


# What a feature is in Linux 7.2 as shipped (kernel/sched/features.h), where rqsim has no switch for it.
FIXED_FEATURES = {
    "CACHE_HOT_BUDDY": 1, "PARANOID_AVG": 0, "NONTASK_CAPACITY": 1, "TTWU_QUEUE": 1, "SIS_UTIL": 1,
    "WARN_DOUBLE_CLOCK": 0, "RT_PUSH_IPI": 0, "RT_RUNTIME_SHARE": 0, "LB_MIN": 0, "ATTACH_AGE_LOAD": 1,
    "WA_IDLE": 1, "WA_WEIGHT": 1, "WA_BIAS": 1, "UTIL_EST": 1, "LATENCY_WARN": 0, "NI_RATE": 1,
}
# Debugging aids and costs of the implementation: no influence on a schedule.
NO_INFLUENCE = {"PARANOID_AVG", "WARN_DOUBLE_CLOCK", "LATENCY_WARN"}
# Features of the class parameter `features`, with what they are when nobody says anything.
CLASS_FEATURES = {
    "PLACE_LAG": 1, "PLACE_DEADLINE_INITIAL": 1, "PLACE_REL_DEADLINE": 1, "RUN_TO_PARITY": 1, "PREEMPT_SHORT": 1,
    "DELAY_DEQUEUE": 1, "DELAY_ZERO": 1, "WAKEUP_PREEMPTION": 1, "PICK_BUDDY": 1, "NEXT_BUDDY": 0,
}
# Those that are parameters of their own, for several classes.
CLASS_FLAGS = {"HRTICK": "hrtick", "HRTICK_DL": "hrtick_dl"}
# What hotplug takes here and took no time there.
KTHREAD_COSTS = ("c_alloc", "c_fetch", "c_setaff")
HOTPLUG_COSTS = ("c_lock", "c_unlock", "c_cb", "c_sync", "c_park", "c_unpark", "c_stage", "c_boot", "c_disable", "c_idle_dead",
                 "c_die", "c_rcu_mig")
IDLE_TICKS = 20  # the recorded CPUs were idle before T0
POLICIES = {"other": "normal", "normal": "normal", "batch": "batch", "idle": "idle", "fifo": "fifo", "rr": "rr",
            "deadline": "deadline"}


def cpu_list(cpus):
    return ",".join(str(cpu) for cpu in sorted(cpus))


def features_of(workload, facts):
    """Parameters of the class, from what the recorded kernel says of itself."""
    values = {name: int(on) for name, on in workload.get("kernel", {}).get("features", {}).items()}
    values.update({name: int(on) for name, on in facts.get("features", {}).items()})
    values.update({name: int(on) for name, on in workload.get("kernel", {}).get("features", {}).items()})
    words, params = [], {}
    for name, on in sorted(values.items()):
        if name == "NI_RANDOM":
            # Dice in newidle balancing: of no account on one CPU, off in the other recordings.
            if on and workload["cpus"] > 1:
                raise NotModelled("feature NI_RANDOM on several CPUs")
        elif name in CLASS_FLAGS:
            if not on:
                params[CLASS_FLAGS[name]] = False
        elif name in CLASS_FEATURES:
            if on != CLASS_FEATURES[name]:
                words.append(name if on else "NO_" + name)
        elif name not in NO_INFLUENCE and on != FIXED_FEATURES.get(name):
            raise NotModelled(f"feature {name}={on}")
    if words:
        params["features"] = words
    return params


def first_cpu(task, recorded):
    """Where a task sleeps before the start."""
    if "start_cpu" in task:
        return task["start_cpu"]
    allowed = task.get("affinity")
    if allowed is None or 0 in allowed:
        return 0
    for event in recorded:
        if event.kind == "waking" and event.fields["task"] == task["name"]:
            return int(event.fields["to"])
    return min(allowed)


def choice_start(tasks, starts, cpus):
    """The memory of the rotating choice, after the recorder has made its tasks: each is made on CPU 0,
    sent to its start CPU from there, and gives itself its affinity there."""
    memory = [(cpu + 1) % cpus for cpu in range(cpus)]
    for task, start in zip(tasks, starts):
        if start != 0:
            memory[0] = start
        allowed = set(task.get("affinity", range(cpus)))
        if allowed != {start}:
            memory[start] = next(cpu % cpus for cpu in range(memory[start] + 1, memory[start] + 1 + cpus)
                                 if cpu % cpus in allowed)
    return memory


def sched_of(source, kind="policy"):
    """The scenario's `sched` of a task, or of an operation that changes it."""
    name = source.get(kind, "other")
    if name not in POLICIES:
        raise NotModelled(f"policy {name}")
    policy = POLICIES[name]
    sched = {} if policy == "normal" else {"policy": policy}
    if policy in ("fifo", "rr"):
        sched["priority"] = source["prio"]
    elif policy == "deadline":
        values = source["deadline"]
        sched["runtime"] = values["runtime_ns"]
        sched["deadline"] = values["deadline_ns"]
        if values.get("period_ns", values["deadline_ns"]) != values["deadline_ns"]:
            sched["period"] = values["period_ns"]
    elif source.get("nice"):
        sched["nice"] = source["nice"]
    if policy in ("normal", "batch") and source.get("slice_ns"):
        sched["slice"] = source["slice_ns"]
    return sched


def set_sched(op):
    """An operation that changes attributes, in the forms that say what the new ones are."""
    name, args = op[0], op[1:]
    if name in ("nice", "set_nice", "setnice"):
        return {"set_sched": {"policy": "normal", "nice": args[0]}}
    if args and isinstance(args[0], dict):
        sched = sched_of(args[0])
    else:
        sched = sched_of({"policy": args[0], "prio": args[1] if len(args) > 1 else 0, "nice": args[1] if len(args) > 1 else 0})
    return {"set_sched": {"policy": "normal", **sched}}


def op_of(op):
    name, args = op[0], op[1:]
    if name == "run":
        return {"run": args[0]}
    if name == "sleep":
        return {"sleep": {"for": args[0], "state": "D"}}
    if name == "sleep_until":
        return {"sleep": {"until": args[0], "state": "D"}}
    if name == "yield":
        return {"yield": {}}
    if name == "lock":
        return {"lock": f"m{args[0]}"}
    if name == "unlock":
        return {"unlock": f"m{args[0]}"}
    if name == "repeat":
        return {"loop": {"count": args[0], "ops": [op_of(inner) for inner in args[1]]}}
    if name in ("affinity", "set_affinity", "setaffinity"):
        cpus = args[0] if isinstance(args[0], list) else args
        return {"set_affinity": cpu_list(cpus)}
    if name in ("nice", "set_nice", "setnice", "sched", "set_sched", "setsched", "policy"):
        return set_sched(op)
    if name in ("offline", "online"):
        return {name: {"cpu": args[0]}}
    raise NotModelled(f"operation {name}")


def locks_of(ops):
    locks = set()
    for op in ops:
        if op[0] == "repeat":
            locks |= locks_of(op[2])
        elif op[0] in ("lock", "unlock"):
            locks.add(op[1])
    return locks


def uses_hotplug(ops):
    return any(op[0] in ("offline", "online") or (op[0] == "repeat" and uses_hotplug(op[2])) for op in ops)


def lock_policy(workload, facts):
    kernel = workload.get("kernel", {})
    spin = bool(kernel.get("mutex_spin", facts.get("mutex_spin", False)))
    if kernel.get("sched_proxy_exec", facts.get("sched_proxy_exec", False)):
        return {"name": "proxy-7.2", "spin": spin}
    return {"name": "mutex", "spin": spin}


def task_of(task, start, cpus):
    result = {"name": task["name"]}
    if "prefer" in task:
        result["affinity"] = {"kind": "preferred", "cpus": cpu_list(task["prefer"])}
    sched = sched_of(task)
    if sched:
        result["sched"] = sched
    if "affinity" in task and set(task["affinity"]) != set(range(cpus)):
        result["cpus"] = cpu_list(task["affinity"])
    if start != 0:
        result["start_cpu"] = start
    if task.get("start_ns"):
        result["start"] = task["start_ns"]
    result["ops"] = [op_of(op) for op in task["ops"]]
    return result


def laid_out(result):
    """The scenario as people write them: a line per key, and per task."""
    lines = []
    for name, value in result.items():
        if name in ("tasks", "kthreads"):
            tasks = ",\n".join("    " + json.dumps(task) for task in value)
            lines.append(f'  "{name}": [\n{tasks}\n  ]')
        else:
            lines.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def make(workload, facts, recorded):
    """The text of the scenario. Raises NotModelled."""
    cpus = workload["cpus"]
    kernel = workload.get("kernel", {})
    tasks = workload["tasks"]
    starts = [first_cpu(task, recorded) for task in tasks]
    machine = {"hz": kernel.get("hz", facts.get("hz", 1000))}
    if cpus > 1:
        machine["cpus"] = [{"ids": f"0-{cpus - 1}"}]
    machine.update({"idle_tick": "keep_one", "ties": "timers_first", "start_state": "recorded"})
    if cpus > 1:
        machine["cpu_choice"] = "rotate"
        machine["cpu_choice_start"] = choice_start(tasks, starts, cpus)
    sched_class = {"name": "default", "preempt": kernel.get("preempt", facts.get("preempt", "full"))}
    sched_class.update(features_of(workload, facts))
    policies = {"class": sched_class}
    locks = set().union(*(locks_of(task["ops"]) for task in tasks))
    if locks:
        policies["lock"] = lock_policy(workload, facts)
    policies["placement"] = {"wake": "simple"}
    if cpus > 1:
        policies["placement"].update({"balance": "faithful", "balance_last": -IDLE_TICKS})
    if any(uses_hotplug(task["ops"]) for task in tasks):
        policies["services"] = [{"name": "cpuhp", **{cost: 0 for cost in HOTPLUG_COSTS}}]
    result = {
        "version": 1,
        "name": workload.get("name", "recorded"),
        "description": workload.get("about", ""),
        "machine": machine,
        "until": workload["end_ns"],
    }
    if locks:
        result["mutexes"] = [f"m{lock}" for lock in range(max(locks) + 1)]
    made = [(task, task_of(task, start, cpus)) for task, start in zip(tasks, starts)]
    result["tasks"] = [of for task, of in made if not task.get("kthread")]
    if any(task.get("kthread") for task in tasks):
        result["kthreads"] = [of for task, of in made if task.get("kthread")]
        policies["placement"].update({"kthread": "preferred", **{cost: 0 for cost in KTHREAD_COSTS}})
    result["policies"] = {"linux": policies}
    return laid_out(result)
