import HPM

/// Judges a mean of weights: see ``hpm_population_blend``.
///
/// - Parameters:
///   - context: What was handed to ``hpm_population_blend``.
///   - students: Array of `count` students, each once; valid until the callback returns.
///   - shares: Array of `count` shares, which sum to 1: the weights are the sum of share x weights of the student.
///   - count: The number of students, 2 or more.
///   - loss: Receives the validation loss of the model with these weights, measured as the students' own are; it
///     holds NaN. A loss that is not finite is never better.
/// - Returns: 0; anything else ends the call.
public typealias hpm_judge_callback = @convention(c) (
    _ context: UnsafeMutableRawPointer?, _ students: UnsafePointer<UInt>?,
    _ shares: UnsafePointer<Double>?, _ count: UInt, _ loss: UnsafeMutablePointer<Double>?
) -> Int32

/// The model to keep as a mean of weights: of which students, and how much of each. Clones are kin: their weights
/// often lie in one basin, so the mean of several can be better than any of them, at no cost when it is used.
///
/// The students in question are those whose latest training loss is finite, as for ``hpm_population_best``, with an
/// ancestor in common with the best one: weights that were initialised apart have no mean that is worth
/// anything. A student that became a clone and has not trained since, or that is retired, is left out. The weights
/// meant are those after each student's latest training report: with a task out, that checkpoint.
///
/// With `judge` the best student comes first, with the loss that it reported; each next one, in the order of
/// their losses, is taken in where that makes the mean, in equal shares, strictly better. Without it the mean is of the
/// best student and of its kin among the better half of the students with a finite loss. The population is read and
/// not changed; the cost of judging is on no account.
///
/// - Parameters:
///   - population: The population.
///   - judge: NULL: none, and nothing is evaluated.
///   - context: Handed to `judge` as it is; never looked at. May be NULL.
///   - students: Array of `capacity` that receives the students, the best first. NULL, with `shares`: the count
///     alone, and nothing is judged.
///   - shares: Array of `capacity` that receives the shares, which sum to 1. NULL where `students` is.
///   - capacity: The size of both, for which the number of all students is always enough; 0 where they are NULL.
///   - count: Receives the number of students in the mean. Where arrays are NULL or too small, what `capacity` has
///     to be: with `judge` the number of all that are in question.
/// - Returns: `HPM_OK`, `HPM_ERROR_NO_RESULT` where no student has a finite loss, `HPM_ERROR_CAPACITY` (known before
///   anything is judged; nothing was written but `count`), `HPM_ERROR_CALLBACK` where `judge` returned non-zero
///   (``hpm_last_callback_status`` is what; nothing was written), `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread, also inside callbacks. No lock is held during `judge`, in which every call on the
///   population is allowed: what changes there is not seen by this one.
/// - Complexity: O(population (population + clones)), and at most population - 1 calls of `judge`.
/// - Source: The greedy soup of Wortsman et al., 'Model soups: averaging weights of multiple fine-tuned models improves
///   accuracy without increasing inference time', ICML 2022 (arXiv 2203.05482).
/// - Since: 0.1
@_cdecl("hpm_population_blend")
public func hpm_population_blend(
    _ population: hpm_population?, _ judge: hpm_judge_callback?, _ context: UnsafeMutableRawPointer?,
    _ students: UnsafeMutablePointer<UInt>?, _ shares: UnsafeMutablePointer<Double>?, _ capacity: UInt,
    _ count: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    attempt { () throws(HPMError) in
        let object = try Handles.find(population, DrivenPopulation.self)
        let count = try require(count, "count")
        if (students == nil) != (shares == nil) {
            throw HPMError(
                .argument,
                "\(students == nil ? "students" : "shares") is NULL alone; allowed: NULL for both students and shares")
        }
        if students == nil { try requireNoCapacity("students", capacity) }
        let kin = try object.state.withLock { (driven) throws(HPMError) in try driven.population.kin() }
        let most = judge == nil ? kin.blend().students.count : kin.students.count
        guard let students, let shares, capacity >= UInt(most) else {
            count.pointee = UInt(most)
            if students == nil { return }
            throw HPMError(.capacity, "capacity is \(capacity); needed: \(most)")
        }
        var blend = kin.blend()
        if let judge {
            blend = try kin.blend { (blend) throws(HPMError) in try blend.loss(judge, context) }
        }
        for (place, student) in blend.students.enumerated() {
            students[place] = UInt(student)
            shares[place] = blend.shares[place]
        }
        count.pointee = UInt(blend.students.count)
    }
}

extension Blend {
    /// - Throws: `callback` where it returns non-zero.
    fileprivate func loss(
        _ judge: hpm_judge_callback, _ context: UnsafeMutableRawPointer?
    ) throws(HPMError) -> Double {
        var loss = Double.nan
        let result = students.map { UInt($0) }.withUnsafeBufferPointer { students in
            shares.withUnsafeBufferPointer { shares in
                judge(context, students.baseAddress, shares.baseAddress, UInt(students.count), &loss)
            }
        }
        if result != 0 {
            ThreadState.current.callbackStatus = result
            throw HPMError(
                .callback, "judge returned \(result) for a mean of \(students.count) students; 0 lets the search go on")
        }
        return loss
    }
}
