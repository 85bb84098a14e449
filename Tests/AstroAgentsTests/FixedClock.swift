import AstroCore

/// It is always noon.
struct FixedClock: AstroCore.Clock {
  func now() -> Moment { Moment(wall: Timestamp(rfc3339: "2026-11-29T12:00:00Z")!, boot: 0) }
}
