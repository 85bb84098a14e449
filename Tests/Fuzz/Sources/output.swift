import AstroAgents

/// Any bytes are outputs or an error. What is read can be written with marks of its own, and is read the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let outputs = try? OutputFile.parse(bytes) else { return 0 }
  var file: [UInt8] = []
  for (key, value) in outputs {
    var mark = "EOF"
    while value.utf8.split(separator: 0x0A).contains(where: { $0.starts(with: mark.utf8) }) { mark += "F" }
    file += Array("\(key)<<\(mark)\n".utf8) + Array(value.utf8) + Array("\n\(mark)\n".utf8)
  }
  let again = try? OutputFile.parse(file)
  require(again?.count == outputs.count, "an output is lost")
  for (key, value) in outputs {
    // An empty block has no line at all, one empty line is the same text.
    require(again?[key].map { $0.utf8.elementsEqual(value.utf8) } == true, "'\(key)' is another text")
  }
  return 0
}
