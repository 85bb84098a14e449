"""The workflow files that are run and checked."""


def independent(tasks):
    return "tasks:\n" + "".join(f"  task_{index}: {{run: [/bin/true]}}\n" for index in range(tasks))


def chain(tasks):
    first = "tasks:\n  task_0: {run: [/bin/true]}\n"
    return first + "".join(
        f"  task_{index}: {{needs: [task_{index - 1}], run: [/bin/true]}}\n" for index in range(1, tasks))


def graph(tasks, width=10):
    """`width` chains side by side: a graph to check, and a line a task as people write them."""
    lines = ["tasks:\n"]
    for index in range(tasks):
        needs = f"needs: [task_{index - width}], " if index >= width else ""
        lines.append(f"  task_{index}: {{{needs}run: [/bin/true]}}\n")
    return "".join(lines)


def one(*command):
    return f"tasks: {{only: {{run: [{', '.join(command)}]}}}}\n"
