import AstroCore
import AstroYAML

/// Any bytes give a tree or an error; every place lies in the file, and what is shown of it is safe for a terminal.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  let document = YAMLDocument(bytes, file: "f.yaml", limits: .init(nodes: 20_000, expandedNodes: 20_000))
  let hasErrors = document.diagnostics.contains { $0.severity == .error }
  require(document.root != nil || hasErrors, "neither a tree nor an error")
  for found in document.diagnostics { requireSafe(found.rendered) }
  guard let root = document.root else { return 0 }
  let json = root.value.json
  // What is read can be written and read again, by both readers.
  if !hasErrors {
    let again = YAMLDocument(Array(json.utf8), file: "f.json")
    require(again.root?.value.json == json, "YAML reads its own JSON otherwise: \(json)")
  }
  return 0
}
