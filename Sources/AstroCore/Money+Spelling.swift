extension Money {
  /// In USD as a decimal number, exact and as short as that is: `0.0125`, `3`, `0.000000000001`.
  public var spelled: String { DecimalText.spell(picodollars, places: Self.places) }
}
