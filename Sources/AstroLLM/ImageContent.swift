import AstroCore

/// A picture for a model, of a kind that every dialect takes.
public struct ImageContent: Sendable, Hashable {
  /// `image/png` and so on.
  public let mediaType: String
  public let bytes: [UInt8]

  /// `nil` unless the file begins as PNG, JPEG, GIF or WebP do: its name proves nothing, and a provider refuses what does
  /// not fit its media type.
  public init?(_ bytes: [UInt8]) {
    guard let mediaType = Self.mediaType(of: bytes) else { return nil }
    self.mediaType = mediaType
    self.bytes = bytes
  }

  private static func mediaType(of bytes: [UInt8]) -> String? {
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return "image/png" }
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
    if bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8) { return "image/gif" }
    if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) { return "image/webp" }
    return nil
  }

  var base64: String { Base64.encode(bytes) }
}

extension ImageContent {
  /// `data:image/png;base64,…` (RFC 2397); `nil` for any other URL.
  public init?(dataURL: String) {
    guard dataURL.hasPrefix("data:"), let comma = dataURL.firstIndex(of: ","),
      dataURL[..<comma].hasSuffix(";base64"), let bytes = Base64.decode(dataURL[dataURL.index(after: comma)...])
    else { return nil }
    self.init(bytes)
  }
}
