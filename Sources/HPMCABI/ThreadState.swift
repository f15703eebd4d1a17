#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What a thread keeps between calls: its last error, the last callback's result and the last check's
/// findings.
final class ThreadState {
    /// The last error's sentence.
    private(set) var message = CText("")
    /// The callback that the last error says is missing; empty where it says another thing.
    private(set) var missingCallback = CText("")
    var findings = FindingList([])
    var callbackStatus: Int32 = 0
    private var hasFailed = false

    /// From here on the first callback that fails is the one that counts: after it a result is cleared
    /// by callbacks, too.
    func beginCallbacks() {
        hasFailed = false
    }

    func noteCallbackStatus(_ status: Int32) {
        if hasFailed { return }
        hasFailed = true
        callbackStatus = status
    }

    private init() {}

    func setError(_ message: String, missingCallback: String = "") {
        self.message = CText(message)
        self.missingCallback = CText(missingCallback)
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key) { pointer in
            #if canImport(Darwin)
            Unmanaged<ThreadState>.fromOpaque(pointer).release()
            #else
            if let pointer { Unmanaged<ThreadState>.fromOpaque(pointer).release() }
            #endif
        }
        return key
    }()

    /// The calling thread's.
    static var current: ThreadState {
        if let pointer = pthread_getspecific(key) {
            return Unmanaged<ThreadState>.fromOpaque(pointer).takeUnretainedValue()
        }
        let state = ThreadState()
        pthread_setspecific(key, Unmanaged.passRetained(state).toOpaque())
        return state
    }
}
