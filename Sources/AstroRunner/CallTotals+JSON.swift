import AstroCore
import AstroJournal

extension CallTotals {
  func write(to writer: inout JSONWriter) {
    writer.key("usage")
    writer.beginObject()
    writer.member("calls", calls)
    usage.write(to: &writer)
    if unpriced < calls { cost.write(to: &writer) }
    if unpriced > 0 { writer.member("unpriced_calls", unpriced) }
    if estimated > 0 { writer.member("estimated_calls", estimated) }
    writer.endObject()
  }
}

extension TokenUsage {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("prompt_tokens", prompt)
    writer.member("completion_tokens", output)
    if cacheRead > 0 { writer.member("cache_read_tokens", cacheRead) }
    if cacheWrite + cacheWriteHour > 0 { writer.member("cache_write_tokens", cacheWrite + cacheWriteHour) }
    if reasoning > 0 { writer.member("reasoning_tokens", reasoning) }
  }
}

extension Money {
  /// In USD for people and their tools, and exactly.
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("cost_usd", dollars)
    writer.member("cost_picodollars", picodollars)
  }
}

extension CallRecord {
  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("model", account?.model ?? ceiling.model)
    writer.member("status", account?.status.rawValue ?? "running")
    writer.member("started_at", started.wall.rfc3339)
    if let account { writer.member("duration_ms", account.duration.milliseconds) }
    writer.member("reserved_tokens", ceiling.tokens)
    account?.usage?.write(to: &writer)
    account?.cost?.write(to: &writer)
    writer.endObject()
  }
}
