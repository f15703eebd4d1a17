import HPM

/// Runs the body of an exported function: what it throws becomes a status and a sentence.
@inline(__always)
func attempt(_ body: () throws(HPMError) -> Void) -> hpm_status {
    do throws(HPMError) {
        try body()
        return HPM_OK
    } catch {
        ThreadState.current.setMessage(error.message)
        return error.code.rawValue
    }
}

/// Works on the value of a handle, alone.
@inline(__always)
func edit<Value: HandleValue>(
    _ handle: OpaquePointer?, _: Value.Type, _ body: (inout Value) throws(HPMError) -> Void
) -> hpm_status {
    attempt { () throws(HPMError) in
        try Handles.with(handle, Value.self) { (object) throws(HPMError) in
            try object.state.withLock { (value) throws(HPMError) in try body(&value) }
        }
    }
}

/// Works on a population, also while ``hpm_population_run`` drives it.
@inline(__always)
func edit(
    _ population: hpm_population?, _ body: (inout Population) throws(HPMError) -> Void
) -> hpm_status {
    edit(population, DrivenPopulation.self) { (driven) throws(HPMError) in
        try body(&driven.population)
    }
}

/// Works on a population unless ``hpm_population_run`` drives it.
@inline(__always)
func drive(
    _ population: hpm_population?, _ function: StaticString,
    _ body: (inout Population) throws(HPMError) -> Void
) -> hpm_status {
    edit(population, DrivenPopulation.self) { (driven) throws(HPMError) in
        try driven.requireIdle(function)
        try body(&driven.population)
    }
}

func destroy<Value: HandleValue>(_ handle: OpaquePointer?, _: Value.Type) -> hpm_status {
    if handle == nil { return HPM_OK }
    return attempt { () throws(HPMError) in try Handles.remove(handle, Value.self) }
}

/// A copy of the options of a handle; the defaults for NULL.
func optionsOrDefaults(_ handle: hpm_options?) throws(HPMError) -> Options {
    guard handle != nil else { return Options() }
    return try Handles.find(handle, Options.self).state.withLock { $0 }
}

extension DrivenPopulation {
    func requireIdle(_ function: StaticString) throws(HPMError) {
        if isRunning {
            throw HPMError(
                .busy, "population is inside hpm_population_run; \(function) is allowed after it")
        }
    }
}
