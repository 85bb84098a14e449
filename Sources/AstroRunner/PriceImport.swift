public import AstroConfiguration
public import AstroCore
import AstroLLM
import AstroTelemetry
import Glibc

/// Prices of a table of LiteLLM's that are to become those of `config/models.yaml`.
public struct PriceImport: Sendable {
  public enum Selection: Sendable, Equatable {
    /// The models that agents name.
    case ofAgents
    case all
    /// Those that a pattern of the shell's fits.
    case fitting(String)
  }

  public struct Change: Sendable {
    public enum Kind: String, Sendable { case added, changed, unchanged }
    public let model: String
    public let kind: Kind
    /// Those that differ.
    public let prices: [Price]
  }

  /// One price, in picodollars a token.
  public struct Price: Sendable {
    public let key: PriceKey
    /// Of prompts longer than so many tokens.
    public let above: Int64
    public let before: Int64?
    public let after: Int64
  }

  /// In the order of the names.
  public let changes: [Change]
  /// Models of agents that the table does not price.
  public let missing: [String]
  /// Models of agents that have a price by the beginning of their name, which somebody wrote: it goes on to count.
  public let covered: [(model: String, row: String)]
  /// Models that were asked for and that no row of `config/models.yaml` can hold, by their name or by their price.
  public let skipped: [String]
  private let text: [UInt8]
  private let path: String

  /// - Parameters:
  ///   - table: the bytes of `file`.
  /// - Throws: what cannot be read, or changed in place.
  public init(
    _ table: [UInt8], named file: String, _ selection: Selection, _ configuration: Configuration, home: String
  ) throws(Failure) {
    path = Self.target(home + "/config/models.yaml")
    var sheet = try Self.sheet(path)
    let offered = try Self.prices(table, file)
    let inForce = PriceTable(configuration.prices)
    var asked: [String] = []
    var missing: [String] = []
    var covered: [(model: String, row: String)] = []
    switch selection {
    case .all: asked = offered.keys.sorted()
    case .fitting(let pattern):
      asked = offered.keys.filter { fnmatch(pattern, $0, 0) == 0 }.sorted()
      if asked.isEmpty {
        throw Failure(.notFound, subject: file, message: "prices no model that fits '\(Terminal.printable(pattern))'")
      }
    case .ofAgents:
      for model in Set(configuration.agents.compactMap(\.settings.model)).sorted() {
        if let row = inForce.price(of: model)?.model, row != model {
          covered.append((model, row))
        } else if offered[model] == nil {
          missing.append(model)
        } else {
          asked.append(model)
        }
      }
    }
    var changes: [Change] = []
    var skipped: [String] = []
    for model in asked {
      guard let price = offered[model], price.isOfOneModel, PriceSheet.canHold(price) else {
        skipped.append(model)
        continue
      }
      let before = sheet[model]
      sheet.set(price)
      guard let after = sheet[model] else { continue }
      changes.append(Change(model, from: before, to: after))
    }
    (self.changes, self.missing, self.covered, self.skipped) = (changes, missing, covered, skipped)
    text = try sheet.text()
  }

  public var isEmpty: Bool { changes.allSatisfy { $0.kind == .unchanged } }

  /// Replaces the file by one rename: a crash leaves the old one or the new one, whole and on disk.
  public func write() throws(Failure) {
    var status = stat()
    var mode: mode_t = 0o644
    if stat(path, &status) == 0 {
      mode = status.st_mode & 0o7777
      guard status.st_uid == geteuid() else {
        throw Failure(
          .cannotCreate, subject: path,
          message: "belongs to another user, whose it would not be afterwards; run as that one")
      }
    }
    try AtomicFile.replace(path, with: text, mode: mode, durable: true)
  }

  // MARK: Reading

  /// What a link leads to: the link itself stays.
  private static func target(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }

  private static func sheet(_ path: String) throws(Failure) -> PriceSheet {
    let bytes: [UInt8]
    if let there = try FileTail.read(path) {
      bytes = there
    } else {
      guard access(path, F_OK) != 0 else {
        throw Failure(.io, subject: path, message: "cannot be read now: another process holds a lease on it")
      }
      bytes = Array(ConfigurationTemplate.models.utf8)
    }
    do throws(ConfigurationError) { return try PriceSheet(bytes) } catch {
      throw Failure(
        .configuration, subject: "config/models.yaml", message: error.diagnostics.first?.message ?? "cannot be read")
    }
  }

  /// By the names of the models.
  private static func prices(_ table: [UInt8], _ file: String) throws(Failure) -> [String: ModelPrice] {
    let prices: [ModelPrice]
    do throws(Failure) { prices = try LiteLLMPriceTable(table).prices } catch {
      throw Failure(
        .invalidWorkflow, subject: file, message: "is no price table of LiteLLM's: \(error.message)")
    }
    guard !prices.isEmpty else {
      throw Failure(
        .invalidWorkflow, subject: file,
        message: "prices no model: is it LiteLLM's model_prices_and_context_window.json?")
    }
    return Dictionary(prices.map { ($0.model, $0) }, uniquingKeysWith: { first, _ in first })
  }
}

extension PriceImport.Change {
  fileprivate init(_ model: String, from before: ModelPrice?, to after: ModelPrice) {
    var prices: [PriceImport.Price] = []
    for above in [0] + after.longPrompts {
      for key in PriceKey.all {
        guard let rate = after.rate(key, above: above) else { continue }
        let old = before?.rate(key, above: above)
        if rate != old { prices.append(.init(key: key, above: above, before: old, after: rate)) }
      }
    }
    self.init(
      model: model, kind: before == nil ? .added : prices.isEmpty ? .unchanged : .changed, prices: prices)
  }
}

extension ModelPrice {
  /// A name with `*` would price others too.
  fileprivate var isOfOneModel: Bool { !model.utf8.contains(UInt8(ascii: "*")) }
}

extension AgentSettings {
  /// The model that tasks get which name none.
  fileprivate var model: String? {
    switch self {
    case .llm(let settings): settings.model
    case .command(let settings): settings?.model
    case .code, .http, .exec, .mcp: nil
    }
  }
}
