import HPM

/// Writes the whole state of a population: space, options, students, moments, teacher, tasks that
/// are out. A population that is loaded from it goes on bit for bit as this one would. Equal runs have
/// equal bytes: times that were measured, observers, logs and problems are not in them.
///
/// - Parameters:
///   - population: The population.
///   - bytes: Array of `capacity` that receives the snapshot. NULL: the size alone.
///   - capacity: Its size in bytes; 0 where `bytes` is NULL.
///   - needed: Receives the size of the snapshot in bytes.
/// - Returns: `HPM_OK`, `HPM_ERROR_CAPACITY` (nothing was written but `needed`), `HPM_ERROR_MEMORY`,
///   `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread, also inside a callback, whose task is then still out: a population that
///   is loaded asks for it again. Another thread's report between the call for
///   the size and the call for the bytes can change the size: try again after `HPM_ERROR_CAPACITY`.
/// - Complexity: O(population x dimension).
/// - Since: 0.1
@_cdecl("hpm_population_save")
public func hpm_population_save(
    _ population: hpm_population?, _ bytes: UnsafeMutablePointer<UInt8>?, _ capacity: UInt,
    _ needed: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    read(population) { (population) throws(HPMError) in
        let needed = try require(needed, "needed")
        guard let bytes else {
            try requireNoCapacity("bytes", capacity)
            needed.pointee = UInt(population.snapshotSize)
            return
        }
        try population.requireSnapshotMemory()
        let snapshot = population.snapshot()
        try copy(snapshot, to: bytes, "bytes", capacity, needed)
    }
}

/// Makes a population from a snapshot. Tasks that were out when it was saved are out still: ask
/// `next` again, or report.
///
/// - Parameters:
///   - bytes: Array of `length` bytes that ``hpm_population_save`` wrote.
///   - length: Its size in bytes.
///   - out: Receives the population.
/// - Returns: `HPM_OK`, `HPM_ERROR_SNAPSHOT` (no snapshot, damaged, truncated, or of a later
///   version), `HPM_ERROR_MEMORY` or `HPM_ERROR_ARGUMENT`.
/// - Ownership: The population is the caller's, until ``hpm_population_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(length).
/// - Since: 0.1
@_cdecl("hpm_population_load")
public func hpm_population_load(
    _ bytes: UnsafePointer<UInt8>?, _ length: UInt, _ out: UnsafeMutablePointer<hpm_population?>?
) -> hpm_status {
    attempt { () throws(HPMError) in
        let bytes = try require(bytes, "bytes")
        let length = try integer(length, "length")
        let out = try require(out, "out")
        let population = try Population(snapshot: UnsafeBufferPointer(start: bytes, count: length))
        out.pointee = try Handles.insert(DrivenPopulation(population))
    }
}
