//! An allocator that counts, so that tests can say what an input may cost at most.
#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static USED: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn grow(size: usize) {
    let used = USED.get().wrapping_add(size);
    USED.set(used);
    // Memory that another thread allocated may be freed here: that wraps, and is no peak.
    if used > PEAK.get() && used < usize::MAX / 2 {
        PEAK.set(used);
    }
}

fn shrink(size: usize) {
    USED.set(USED.get().wrapping_sub(size));
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `work` and returns how many bytes it held at most, all of this thread.
pub(super) fn peak_of(work: impl FnOnce()) -> usize {
    let before = USED.get();
    PEAK.set(before);
    work();
    PEAK.get().wrapping_sub(before)
}

#[test]
fn peak_is_what_was_held_at_once() {
    let peak = peak_of(|| {
        for _ in 0..10 {
            std::hint::black_box(vec![0_u8; 10_000]);
        }
    });
    assert!((10_000..20_000).contains(&peak), "{peak}");
}
