import AstroCore
import AstroWorkflow

/// Any bytes give a plan or an error, never both and never neither.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  let parsed = WorkflowParser.parse(bytes, file: "w.yaml")
  let hasErrors = parsed.diagnostics.contains { $0.severity == .error }
  require((parsed.plan == nil) == hasErrors, "a plan and errors, or neither")
  for found in parsed.diagnostics { requireSafe(found.rendered) }
  guard let plan = parsed.plan else { return 0 }
  for task in plan.tasks { require(task.needs.allSatisfy(plan.tasks.indices.contains), "\(task.id) needs nobody") }
  return 0
}
