/// The median in linear time.
enum Median {
    /// - Parameter numbers: At least one; rearranged.
    /// - Complexity: O(count) on average.
    static func of(_ numbers: inout [Double]) -> Double {
        let middle = numbers.count / 2
        let upper = select(middle, in: &numbers)
        guard numbers.count.isMultiple(of: 2) else { return upper }
        // Smaller ones stand before it.
        let lower = numbers[..<middle].max() ?? upper
        return lower / 2 + upper / 2
    }

    /// The number that stands at a place when they are sorted.
    ///
    /// Source: Hoare, 'Algorithm 65: Find', Communications of the ACM 4, 1961.
    private static func select(_ place: Int, in numbers: inout [Double]) -> Double {
        var (low, high) = (0, numbers.count - 1)
        while low < high {
            let pivot = numbers[(low + high) / 2]
            var (left, right) = (low, high)
            while left <= right {
                while numbers[left] < pivot { left += 1 }
                while numbers[right] > pivot { right -= 1 }
                if left <= right {
                    numbers.swapAt(left, right)
                    left += 1
                    right -= 1
                }
            }
            if place <= right {
                high = right
            } else if place >= left {
                low = left
            } else {
                break
            }
        }
        return numbers[place]
    }
}
