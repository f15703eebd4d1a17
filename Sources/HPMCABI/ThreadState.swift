#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What a thread keeps between calls: its last error's sentence and the last callback's result.
final class ThreadState {
    private(set) var message: UnsafePointer<CChar>
    private var owned: UnsafeMutablePointer<CChar>?
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

    private init() {
        message = constantCString("")
    }

    deinit {
        owned?.deallocate()
    }

    func setMessage(_ text: String) {
        let bytes = text.utf8
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
        for (index, byte) in bytes.enumerated() { copy[index] = CChar(bitPattern: byte) }
        copy[bytes.count] = 0
        owned?.deallocate()
        owned = copy
        message = UnsafePointer(copy)
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
