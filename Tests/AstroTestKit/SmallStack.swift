import Glibc

/// Runs `body` on a thread with 512 KiB of stack, the least that threads of other systems get, and waits for it.
public func onSmallStack<Value>(_ body: @escaping () -> Value) -> Value {
  var result: Value?
  let work = Work { result = body() }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setstacksize(&attributes, 512 << 10)
  var thread = pthread_t()
  let started = pthread_create(
    &thread, &attributes,
    { argument in
      Unmanaged<Work>.fromOpaque(argument!).takeUnretainedValue().body()
      return nil
    }, Unmanaged.passUnretained(work).toOpaque())
  precondition(started == 0, "no thread: \(started)")
  pthread_join(thread, nil)
  pthread_attr_destroy(&attributes)
  return result!
}

/// What a thread of C's is handed.
private final class Work {
  let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
}
