//! State of an instance and the two buffers that it shares with the embedder.
use std::cell::UnsafeCell;

/// More than any transaction or hash input of a block; a longer input is refused.
pub const INPUT_BYTES_MAX: usize = 256 << 20;

/// One value of the instance. A WebAssembly instance has one thread, and no export is entered while another runs (but `alloc`,
/// which touches none of them).
pub struct Global<T>(UnsafeCell<T>);
unsafe impl<T> Sync for Global<T> {}
impl<T> Global<T> {
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
    #[allow(clippy::mut_from_ref)]
    #[inline(always)]
    pub fn get(&self) -> &mut T {
        unsafe { &mut *self.0.get() }
    }
}

static INPUT: Global<Vec<u8>> = Global::new(Vec::new());
static OUTPUT: Global<Vec<u8>> = Global::new(Vec::new());

/// The first `length` bytes that the embedder wrote; empty where it claims more than it asked room for.
pub fn input(length: usize) -> &'static [u8] {
    INPUT.get().get(..length).unwrap_or(&[])
}

/// The output buffer, emptied.
pub fn output() -> &'static mut Vec<u8> {
    let out = OUTPUT.get();
    out.clear();
    out
}

/// Room for `length` bytes of input, or null where that is over the limit.
#[no_mangle]
pub extern "C" fn in_buf(length: usize) -> *mut u8 {
    if length > INPUT_BYTES_MAX {
        return core::ptr::null_mut();
    }
    let buffer = INPUT.get();
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    buffer.as_mut_ptr()
}
#[no_mangle]
pub extern "C" fn out_ptr() -> *const u8 {
    OUTPUT.get().as_ptr()
}
#[no_mangle]
pub extern "C" fn out_len() -> usize {
    OUTPUT.get().len()
}

/// Memory for code that a host import hands over; the import gives it back with its length.
#[no_mangle]
pub extern "C" fn alloc(length: usize) -> *mut u8 {
    let mut bytes = Vec::<u8>::with_capacity(length);
    let pointer = bytes.as_mut_ptr();
    core::mem::forget(bytes);
    pointer
}
