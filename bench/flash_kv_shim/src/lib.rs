//! The crate flash-kv behind a C ABI, for `bench/engine_crate.c`, which declares these functions and says what they mean.
//! They return 0, or what is said there, or less than 0 where the crate failed or panicked.
use bytes::Bytes;
use flash_kv::db::Engine;
use flash_kv::errors::{Errors, Result};
use flash_kv::option::{IteratorOptions, Options, WriteBatchOptions};
use std::ffi::{c_char, c_void, CStr};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice;

const NOT_FOUND: i64 = -1;
const FAILED: i64 = -2;
const PANICKED: i64 = -3;

type Visit = unsafe extern "C" fn(*mut c_void, *const u8, usize);

/// A panic must not cross into C.
fn guarded(work: impl FnOnce() -> Result<i64>) -> i64 {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(number)) => number,
        Ok(Err(Errors::KeyNotFound)) => NOT_FOUND,
        Ok(Err(_)) => FAILED,
        Err(_) => PANICKED,
    }
}

/// Borrows: the crate copies keys and values before it returns, so a copy here would be held against it.
unsafe fn borrowed(data: *const u8, size: usize) -> Bytes {
    Bytes::from_static(slice::from_raw_parts(data, size))
}

/// Null where it fails.
#[no_mangle]
pub unsafe extern "C" fn flash_kv_open(directory: *const c_char) -> *mut Engine {
    let mut engine = std::ptr::null_mut();
    guarded(|| {
        let options = Options { dir_path: CStr::from_ptr(directory).to_string_lossy().into_owned().into(), ..Options::default() };
        engine = Box::into_raw(Box::new(Engine::open(options)?));
        Ok(0)
    });
    engine
}

#[no_mangle]
pub unsafe extern "C" fn flash_kv_close(engine: *mut Engine) -> i64 {
    guarded(|| {
        drop(Box::from_raw(engine));
        Ok(0)
    })
}

#[no_mangle]
pub unsafe extern "C" fn flash_kv_put(engine: *const Engine, key: *const u8, key_size: usize, value: *const u8, size: usize) -> i64 {
    guarded(|| (*engine).put(borrowed(key, key_size), borrowed(value, size)).map(|_| 0))
}

#[no_mangle]
pub unsafe extern "C" fn flash_kv_get(engine: *const Engine, key: *const u8, key_size: usize, visit: Visit, context: *mut c_void) -> i64 {
    guarded(|| {
        let value = (*engine).get(borrowed(key, key_size))?;
        visit(context, value.as_ptr(), value.len());
        Ok(0)
    })
}

#[no_mangle]
pub unsafe extern "C" fn flash_kv_delete(engine: *const Engine, key: *const u8, key_size: usize) -> i64 {
    guarded(|| (*engine).delete(borrowed(key, key_size)).map(|_| 0))
}

#[no_mangle]
pub unsafe extern "C" fn flash_kv_batch(engine: *const Engine, keys: *const u8, key_size: usize, count: usize, value: *const u8, size: usize) -> i64 {
    guarded(|| {
        let batch = (*engine).new_write_batch(WriteBatchOptions { max_batch_num: count, sync_writes: false })?;
        for number in 0..count {
            batch.put(borrowed(keys.add(number * key_size), key_size), borrowed(value, size))?;
        }
        batch.commit().map(|_| 0)
    })
}

/// Returns how many entries it visited.
#[no_mangle]
pub unsafe extern "C" fn flash_kv_iterate(engine: *const Engine, visit: Visit, context: *mut c_void) -> i64 {
    guarded(|| {
        let entries = (*engine).iter(IteratorOptions::default());
        let mut count = 0;
        while let Some((_, value)) = entries.next() {
            visit(context, value.as_ptr(), value.len());
            count += 1;
        }
        Ok(count)
    })
}

#[no_mangle]
pub unsafe extern "C" fn flash_kv_merge(engine: *const Engine) -> i64 {
    guarded(|| (*engine).merge().map(|_| 0))
}
