public import AstroCore

extension Spool {
  /// Puts the files of finished runs into their final places, a receipt beside each. Durable on return; safe to repeat
  /// after a crash at any point, which is what a recovery does with every run the journal does not call settled.
  ///
  /// The receipt is in place before its file: whoever waits for the file finds the receipt too. Each is renamed whole,
  /// so a crash leaves, at worst, a receipt beside no file, or a file not moved yet; the repetition completes both.
  /// The directories are synchronized once for all.
  public func settle(_ settlements: [Settlement]) throws(Failure) {
    var touched: Set<Place> = []
    for settlement in settlements { try place(settlement, &touched) }
    try synchronize(Set(settlements.map(\.place)), before: touched)
  }

  public func settle(_ settlement: Settlement) throws(Failure) { try settle([settlement]) }

  /// Puts a copy of a batch's results where its receipt will lie: before that, so that whoever finds it finds them too, and
  /// before ``settle(_:)``, for whose directories others wait. Durable on return; safe to repeat. A crash leaves them
  /// whole, or not there.
  /// - Parameter path: of the results, in the run's directory.
  public func place(resultsAt path: String, of id: WorkflowID, in place: Place) throws(Failure) {
    try places.active.copy(fileAt: path, to: places[place], as: SubmissionFormat.resultsName(of: id))
    try places[place].synchronize()
  }

  /// Brings a settled run's file back to `active/` and removes its receipt, for a retry. Durable on return; safe to
  /// repeat. `content` is asked for when the file is gone.
  ///
  /// The file is moved before the receipt goes: a crash in between leaves a receipt too many, which the repetition, or
  /// the next ``settle(_:)``, removes.
  public func reopen(
    _ id: WorkflowID, _ format: SubmissionFormat, content: () throws(Failure) -> [UInt8]
  ) throws(Failure) {
    var touched: Set<Place> = []
    try bring(format.fileName(of: id), to: .active, &touched, content: content)
    try removeCompanions(of: id, format, except: .active, &touched)
    try synchronize([.active], before: touched)
  }

  /// Where files arrived before where they left: a file system that keeps the two halves of a rename apart may show a
  /// file twice after a power cut, which the repetition mends, but must never show it nowhere.
  private func synchronize(_ targets: Set<Place>, before sources: Set<Place>) throws(Failure) {
    for place in Place.allCases where targets.contains(place) { try places[place].synchronize() }
    for place in Place.allCases where sources.subtracting(targets).contains(place) {
      try places[place].synchronize()
    }
  }

  private func place(_ settlement: Settlement, _ touched: inout Set<Place>) throws(Failure) {
    var writer = JSONWriter(reserving: 1024)
    settlement.receipt.write(to: &writer)
    writer.newline()
    // Written in active/ so that the only dot files a crash can leave are there and in spool/.
    try places.active.write(
      writer.bytes, to: places[settlement.place], as: SubmissionFormat.receiptName(of: settlement.id))
    touched.insert(settlement.place)
    let file = settlement.format.fileName(of: settlement.id)
    if settlement.place == .rejected, let name = settlement.file,
      try places.active.replace(.refused(name, as: settlement.id), to: places.rejected, as: file)
    {
      touched.insert(.active)
    }
    try bring(file, to: settlement.place, &touched, content: settlement.content)
    try removeCompanions(of: settlement.id, settlement.format, except: settlement.place, &touched)
  }

  /// Moves a run's file to `place` from wherever it lies; a copy that a crash or a hand left in a second place goes the
  /// same way, so that exactly one remains.
  private func bring(
    _ file: FileName, to place: Place, _ touched: inout Set<Place>, content: () throws(Failure) -> [UInt8]
  ) throws(Failure) {
    for source in Place.allCases where source != place {
      // A directory of that name is not ours, and would be in the way elsewhere too.
      guard let status = try places[source].status(of: file), status.kind != .directory else { continue }
      if try places[source].replace(file, to: places[place], as: file) { touched.formUnion([source, place]) }
    }
    guard try places[place].status(of: file) == nil else { return }
    try places.active.write(try content(), to: places[place], as: file)
    touched.insert(place)
  }

  /// A receipt of an earlier ending would say that the run ended twice; so would its results.
  private func removeCompanions(
    of id: WorkflowID, _ format: SubmissionFormat, except place: Place, _ touched: inout Set<Place>
  ) throws(Failure) {
    let results = format == .jsonl ? [SubmissionFormat.resultsName(of: id)] : []
    for other in Place.allCases where other != place {
      for name in [SubmissionFormat.receiptName(of: id)] + results {
        if try places[other].remove(name) { touched.insert(other) }
      }
    }
  }
}
