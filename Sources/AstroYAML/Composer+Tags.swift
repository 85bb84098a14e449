import CLibYAML

extension Composer {
  private static let core = "tag:yaml.org,2002:"

  /// The core tag of a scalar. Others are refused: they would ask for types that do not exist here.
  mutating func scalarTag(_ tag: UnsafeMutablePointer<yaml_char_t>, _ mark: yaml_mark_t) -> Record.Tag {
    let name = String(cString: tag)
    switch name {
    case "!", Self.core + "str": return .string
    case Self.core + "int": return .integer
    case Self.core + "float": return .number
    case Self.core + "bool": return .boolean
    case Self.core + "null": return .null
    default:
      refuse(tag: name, mark)
      return .none
    }
  }

  mutating func checkTag(_ tag: UnsafeMutablePointer<yaml_char_t>, is expected: String, _ mark: yaml_mark_t) {
    let name = String(cString: tag)
    if name != Self.core + expected, name != "!" { refuse(tag: name, mark) }
  }

  private mutating func refuse(tag: String, _ mark: yaml_mark_t) {
    let place = place(mark)
    let shown = tag.hasPrefix(Self.core) ? "!!" + tag.dropFirst(Self.core.count) : tag
    findings.add(
      "tag", "the tag '\(shown)' cannot be used here", line: Int(place.line), column: Int(place.column),
      hint: "only !!str, !!int, !!float, !!bool, !!null on scalars, !!seq on lists and !!map on mappings are known")
  }
}
