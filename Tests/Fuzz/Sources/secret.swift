import AstroCore

/// However a stream is cut, the same comes of it; and no secret is in it any more.
///
/// The input is the secret, a NUL, and the stream, in which a byte 1 stands for the secret and 2 for it in
/// base64.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let end = bytes.firstIndex(of: 0), end >= SecretMask.shortest,
    let secret = String(validating: bytes[..<end], as: UTF8.self)
  else { return -1 }
  let base64 = encoded(bytes[..<end])
  var stream: [UInt8] = []
  for byte in bytes[(end + 1)...] {
    switch byte {
    case 1: stream += bytes[..<end]
    case 2: stream += base64
    default: stream.append(byte)
    }
  }
  var mask = SecretMask(secrets: [secret])
  let whole = mask.masked(stream)
  var pieces: [UInt8] = []
  var rest = stream[...]
  var size = 1
  while !rest.isEmpty {
    pieces += mask.mask(rest.prefix(size))
    rest = rest.dropFirst(size)
    size = size * 7 % 31
  }
  pieces += mask.finish()
  require(pieces == whole, "in pieces another text comes of it")
  // A star of the secret's own may meet those of a mark.
  guard !bytes[..<end].contains(UInt8(ascii: "*")) else { return 0 }
  require(!holds(whole, Array(bytes[..<end])), "the secret is still there")
  require(!holds(whole, base64), "the secret is still there in base64")
  return 0
}

private func holds(_ text: [UInt8], _ part: [UInt8]) -> Bool {
  text.count >= part.count && (0...text.count - part.count).contains { text[$0...].starts(with: part) }
}

/// RFC 4648, without padding.
private func encoded(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
  let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  let bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }
  return stride(from: 0, to: bits.count, by: 6).map { start in
    digits[(start..<start + 6).reduce(0) { $0 << 1 | ($1 < bits.count ? Int(bits[$1]) : 0) }]
  }
}
