import CLinux
import Glibc
public import Logging

extension Logger.MetadataValue {
  /// The calls that led here, the nearest first, for the field `stack_trace` of a line that is asked to carry it:
  /// `metadata: ["stack_trace": .callStack()]`.
  ///
  /// A frame is `image+0xoffset`, what `llvm-symbolizer --obj=image 0xoffset` takes, and the function's name where the
  /// image exports it (demangle with `swift demangle`). Costs some microseconds: for lines about what should never be.
  public static func callStack() -> Self {
    var addresses = [UnsafeMutableRawPointer?](repeating: nil, count: deepest)
    let count = Int(clinux_backtrace(&addresses, Int32(deepest)))
    return .array(addresses[..<count].compactMap { $0 }.map { .string(frame($0)) })
  }

  private static let deepest = 64

  private static func frame(_ address: UnsafeMutableRawPointer) -> String {
    var place = clinux_symbol()
    guard clinux_locate(address, &place) != 0, let image = place.image else { return "\(address)" }
    let file = String(cString: image).split(separator: "/").last ?? "?"
    let frame = "\(file)+0x\(String(place.offset, radix: 16))"
    return place.name.map { "\(frame) \(String(cString: $0))" } ?? frame
  }
}
