//! Preloaded into every process of a machine that has a clock of its own: what
//! reads the calendar's clock gets the kernel's plus an offset, and what waits
//! until a time of it waits until the kernel's clock shows that time less the
//! offset. Monotonic clocks stay as they are.
//!
//! The offset, in seconds, is an `i64` in a file that the region writes; it is
//! mapped, so a running process sees a jump with its next reading. Built by
//! `build.rs` as a shared library that needs nothing but the C library.

#![no_std]

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering};

/// Where the machine finds the offset.
const OFFSET_FILE: &CStr = c"/usr/lib/nixl-region/clock-offset";

const O_RDONLY_CLOEXEC: c_int = 0o2_000_000;
const PROT_READ: c_int = 1;
const MAP_SHARED: c_int = 1;
const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;
const CLOCK_REALTIME: c_int = 0;
/// CLOCK_REALTIME, its coarse and alarm kinds, and CLOCK_TAI.
const CALENDAR: [c_int; 4] = [CLOCK_REALTIME, 5, 8, 11];
const TIMER_ABSTIME: c_int = 1;
/// Seconds that no monotonic clock shows, and every calendar of today does.
const CALENDAR_SECS: i64 = 1_000_000_000;

#[repr(C)]
#[derive(Clone, Copy)]
struct TimeSpec {
    secs: i64,
    nanos: c_long,
}

#[repr(C)]
struct TimerSpec {
    interval: TimeSpec,
    value: TimeSpec,
}

unsafe extern "C" {
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn close(fd: c_int) -> c_int;
    fn mmap(
        at: *mut c_void,
        size: usize,
        protection: c_int,
        flags: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: abort(3) may always be called.
    unsafe { abort() }
}

static NO_OFFSET: AtomicI64 = AtomicI64::new(0);
static OFFSET: AtomicPtr<AtomicI64> = AtomicPtr::new((&raw const NO_OFFSET).cast_mut());

/// Maps the offset before the program starts; it may sandbox itself later.
extern "C" fn begin() {
    // SAFETY: the file is a page of the region's, mapped for good and read only.
    unsafe {
        let fd = open(OFFSET_FILE.as_ptr(), O_RDONLY_CLOEXEC);
        if fd < 0 {
            return;
        }
        let page = mmap(core::ptr::null_mut(), 8, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if page as isize != -1 {
            OFFSET.store(page.cast(), Ordering::Release);
        }
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

fn offset_secs() -> i64 {
    // SAFETY: set once to a mapping that stays; before, a static.
    unsafe { (*OFFSET.load(Ordering::Acquire)).load(Ordering::Relaxed) }
}

/// A time of the machine's calendar as the kernel's.
fn kernels(time: TimeSpec) -> TimeSpec {
    TimeSpec { secs: time.secs.saturating_sub(offset_secs()), ..time }
}

/// The C library's own function behind one of ours, by name.
macro_rules! next {
    ($name:literal, $kind:ty) => {{
        static NEXT: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
        let mut found = NEXT.load(Ordering::Acquire);
        if found.is_null() {
            found = dlsym(RTLD_NEXT, $name.as_ptr());
            NEXT.store(found, Ordering::Release);
        }
        core::mem::transmute::<*mut c_void, $kind>(found)
    }};
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut TimeSpec) -> c_int {
    unsafe {
        let result = next!(c"clock_gettime", unsafe extern "C" fn(c_int, *mut TimeSpec) -> c_int)(
            clock, time,
        );
        if result == 0 && CALENDAR.contains(&clock) {
            (*time).secs += offset_secs();
        }
        result
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(time: *mut TimeSpec, zone: *mut c_void) -> c_int {
    unsafe {
        // struct timeval has the seconds where struct timespec has them.
        let result = next!(
            c"gettimeofday",
            unsafe extern "C" fn(*mut TimeSpec, *mut c_void) -> c_int
        )(time, zone);
        if result == 0 && !time.is_null() {
            (*time).secs += offset_secs();
        }
        result
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn time(to: *mut i64) -> i64 {
    unsafe {
        let now = next!(c"time", unsafe extern "C" fn(*mut i64) -> i64)(core::ptr::null_mut());
        let now = now + offset_secs();
        if !to.is_null() {
            *to = now;
        }
        now
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timespec_get(time: *mut TimeSpec, base: c_int) -> c_int {
    // TIME_UTC is the only base.
    unsafe { if clock_gettime(CLOCK_REALTIME, time) == 0 { base } else { 0 } }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_nanosleep(
    clock: c_int,
    flags: c_int,
    until: *const TimeSpec,
    left: *mut TimeSpec,
) -> c_int {
    unsafe {
        let sleep = next!(
            c"clock_nanosleep",
            unsafe extern "C" fn(c_int, c_int, *const TimeSpec, *mut TimeSpec) -> c_int
        );
        if CALENDAR.contains(&clock) && flags & TIMER_ABSTIME != 0 {
            return sleep(clock, flags, &kernels(*until), left);
        }
        sleep(clock, flags, until, left)
    }
}

/// Which file descriptors are timers of the calendar; those beyond are not known.
static CALENDAR_TIMERS: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

fn timer_bit(fd: c_int) -> Option<(&'static AtomicU64, u64)> {
    let fd = usize::try_from(fd).ok()?;
    Some((CALENDAR_TIMERS.get(fd / 64)?, 1 << (fd % 64)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timerfd_create(clock: c_int, flags: c_int) -> c_int {
    unsafe {
        let fd =
            next!(c"timerfd_create", unsafe extern "C" fn(c_int, c_int) -> c_int)(clock, flags);
        match timer_bit(fd) {
            Some((word, bit)) if CALENDAR.contains(&clock) => word.fetch_or(bit, Ordering::AcqRel),
            Some((word, bit)) => word.fetch_and(!bit, Ordering::AcqRel),
            None => 0,
        };
        fd
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timerfd_settime(
    fd: c_int,
    flags: c_int,
    new: *const TimerSpec,
    old: *mut TimerSpec,
) -> c_int {
    unsafe {
        let set = next!(
            c"timerfd_settime",
            unsafe extern "C" fn(c_int, c_int, *const TimerSpec, *mut TimerSpec) -> c_int
        );
        let of_calendar =
            timer_bit(fd).is_some_and(|(word, bit)| word.load(Ordering::Acquire) & bit != 0);
        if of_calendar && flags & TIMER_ABSTIME != 0 && (*new).value.secs > CALENDAR_SECS {
            let new = TimerSpec { value: kernels((*new).value), interval: (*new).interval };
            return set(fd, flags, &new, old);
        }
        set(fd, flags, new, old)
    }
}

/// Waits with a deadline of whichever clock the object has: the value tells.
macro_rules! deadline_last {
    ($name:ident, $literal:literal, ($($argument:ident),+)) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: *mut c_void,)+ until: *const TimeSpec) -> c_int {
            unsafe {
                let wait = next!($literal, unsafe extern "C" fn($(deadline_last!(@ $argument),)+ *const TimeSpec) -> c_int);
                if (*until).secs > CALENDAR_SECS {
                    return wait($($argument,)+ &kernels(*until));
                }
                wait($($argument,)+ until)
            }
        }
    };
    (@ $argument:ident) => { *mut c_void };
}

deadline_last!(pthread_cond_timedwait, c"pthread_cond_timedwait", (condition, mutex));
deadline_last!(pthread_mutex_timedlock, c"pthread_mutex_timedlock", (mutex));
deadline_last!(sem_timedwait, c"sem_timedwait", (semaphore));
