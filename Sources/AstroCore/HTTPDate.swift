/// Dates of HTTP (RFC 9110, 5.6.7), in the form of today and in both obsolete ones, which are still to be read.
public enum HTTPDate {
  private static let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
  private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

  /// `nil` when the text is anything else.
  public static func parse(_ text: String) -> Timestamp? {
    // What the three have in common: a day's name first, a month's name, a time with colons, the day before the year.
    let words = text.split { " ,-".contains($0) }
    guard let day = words.first, days.contains(day.prefix(3).lowercased()),
      let month = words.firstIndex(where: { months.contains($0.lowercased()) }),
      let time = words.first(where: { $0.contains(":") })
    else { return nil }
    let numbers = words.compactMap { Int($0) }
    guard numbers.count == 2, words.count <= 6 else { return nil }
    let number = (months.firstIndex(of: words[month].lowercased()) ?? 0) + 1
    // Two digits more than 50 years ahead are of the past; taken as of the century of this protocol.
    let year = numbers[1] < 70 ? numbers[1] + 2000 : numbers[1] < 100 ? numbers[1] + 1900 : numbers[1]
    return Timestamp(rfc3339: "\(padded(year, 4))-\(padded(number, 2))-\(padded(numbers[0], 2))T\(time)Z")
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
