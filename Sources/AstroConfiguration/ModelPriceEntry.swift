/// One entry of `config/models.yaml`.
public struct ModelPriceEntry: Sendable, Equatable {
  /// In picodollars (1e-12 USD) for one token, exactly as written. `nil` where the entry does not say.
  public struct Rates: Sendable, Equatable {
    public var input: Int64
    public var output: Int64
    public var cacheRead: Int64?
    /// For a cache that lasts minutes.
    public var cacheWrite: Int64?
    public var cacheWriteHour: Int64?
    public var batchInput: Int64?
    public var batchOutput: Int64?

    public init(input: Int64, output: Int64) {
      self.input = input
      self.output = output
    }
  }

  /// What the whole call costs once its prompt is longer than so many tokens.
  public struct Tier: Sendable, Equatable {
    public var tokens: Int64
    public var rates: Rates

    public init(tokens: Int64, rates: Rates) {
      self.tokens = tokens
      self.rates = rates
    }
  }

  /// A model's name; one that ends in `*` stands for all that begin so, unless a longer one does.
  public var model: String
  public var rates: Rates
  /// By their tokens, rising.
  public var above: [Tier]

  public init(model: String, rates: Rates, above: [Tier] = []) {
    self.model = model
    self.rates = rates
    self.above = above
  }

  /// Decimals of a price in USD per million tokens: the last is a picodollar for a token.
  public static let places = 6
}
