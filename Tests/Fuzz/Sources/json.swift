import AstroCore

/// Any bytes are a JSON text or an error; a value is written so that it is read the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let value = try? JSONReader.parse(bytes) else { return 0 }
  let json = value.json
  requireSafe(json)
  let again = try? JSONReader.parse(json)
  require(again?.json == json, "\(json) is read as \(again?.json ?? "nothing")")
  return 0
}
