import AstroCore

@testable import AstroSpool

/// Any bytes are a name or none; what is taken is safe to hand on, and what is shown is safe for a terminal.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let name = FileName(bytes: bytes) else {
    let leadsOut =
      bytes.isEmpty || bytes == [0x2E] || bytes == [0x2E, 0x2E] || bytes.contains(0) || bytes.contains(0x2F)
    require(leadsOut, "a good name is refused")
    return 0
  }
  requireSafe(name.printable)
  require(!name.printable.utf8.contains(0x0A) && !name.printable.utf8.contains(0x09), "a name over two lines")
  name.withCString { pointer in
    for i in bytes.indices { require(UInt8(bitPattern: pointer[i]) == bytes[i], "the kernel gets another name") }
    require(pointer[bytes.count] == 0, "it gets a longer name")
  }
  require(bytes.starts(with: name.stem), "the stem is not its beginning")
  switch SpoolEntry(name: name).kind {
  case .candidate:
    let isPlain = bytes[0] != 0x2E && bytes.count <= 200 && bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    require(isPlain, "a strange name is taken")
  case .ignored: break
  case .odd(let reason):
    requireSafe(
      Diagnostic(code: reason.code, message: reason.message, file: name.printable, hint: reason.hint).rendered)
  }
  return 0
}
