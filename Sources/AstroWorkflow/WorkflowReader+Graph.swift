import AstroCore
import AstroYAML

extension WorkflowReader {
  /// What can only be said once all tasks are read: circles, and reads of tasks that are not waited for.
  func checkGraph() {
    for task in stdoutReads { plan.tasks[task].keepsStdout = true }
    let graph = TaskGraph(needs: plan.tasks.map(\.needs))
    for cycle in graph.cycles { report(cycle) }
    checkOutputs()
    guard !graph.hasCycles else { return }
    let questions = taskReads.map { (reader: $0.reader, target: $0.target) }
    for index in graph.unreached(questions) { report(taskReads[index]) }
  }

  private func report(_ cycle: [Int]) {
    let shown = cycle.count > 12 ? cycle.prefix(12).map { ids[$0] } + ["..."] : cycle.map { ids[$0] }
    let path = (shown + [ids[cycle[0]]]).joined(separator: " -> ")
    let length = cycle.count > 12 ? " (\(cycle.count) tasks)" : ""
    decoder.error(
      "cycle", "tasks need each other in a circle: \(path)\(length)",
      at: needNode(of: cycle[0], naming: cycle[1 % cycle.count]))
  }

  /// Where a task names a need.
  private func needNode(of task: Int, naming need: Int) -> YAMLNode {
    guard let node = taskNodes[task].value.member("needs") else { return taskNodes[task].key }
    return node.items.first { $0.text == ids[need] } ?? node
  }

  private func checkOutputs() {
    for read in taskReads {
      guard let output = read.output else { continue }
      let promised = plan.tasks[read.target].outputs
      guard !promised.isEmpty, !promised.contains(output) else { continue }
      decoder.error(
        "unknown_output", "task '\(ids[read.target])' promises no output '\(output)'", in: read.node,
        offset: read.offset, width: read.width,
        hint: decoder.suggestion(for: output, among: promised) ?? "its outputs: \(promised.joined(separator: ", "))")
    }
  }

  private func report(_ read: TaskRead) {
    let reader = ids[read.reader]
    let target = ids[read.target]
    guard read.reader != read.target else {
      return decoder.error(
        "missing_need", "task '\(reader)' reads tasks.\(target), which is itself", in: read.node, offset: read.offset,
        width: read.width)
    }
    decoder.error(
      "missing_need", "task '\(reader)' reads tasks.\(target) but does not need it", in: read.node,
      offset: read.offset, width: read.width, hint: "add '\(target)' to the needs of '\(reader)'")
  }
}
