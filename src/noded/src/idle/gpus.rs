//! Whether kernels run on a GPU.

use super::Use;
use crate::gpu;

/// What NVML said last.
pub fn judge(state: &gpu::State) -> Use {
    let Some(seen) = state.snapshot() else {
        return match (state.expected(), state.present()) {
            (None | Some(0), Some(0)) => Use::Unused,
            _ => Use::Unknown("the GPUs do not answer".to_owned()),
        };
    };
    let mut told = Use::Unused;
    for gpu in &seen.snapshot.gpus {
        let index = gpu.index;
        let of_it = match gpu.utilization_percent {
            Some(0) => Use::Unused,
            Some(percent) => Use::Used(format!("GPU {index} is at {percent} %")),
            // So it is of one that is divided (MIG).
            None => Use::Unknown(format!("the driver does not tell the load of GPU {index}")),
        };
        told = told.or(of_it);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixl_gpu::{Gpu, Snapshot};

    fn state(loads: &[Option<u32>]) -> gpu::State {
        let state = gpu::State::default();
        let gpu = |(index, load): (usize, &Option<u32>)| Gpu {
            index: index as u32,
            utilization_percent: *load,
            processes: Some(1),
            ..Gpu::default()
        };
        let gpus = loads.iter().enumerate().map(gpu).collect();
        state.saw(Snapshot { gpus, ..Snapshot::default() });
        state
    }

    #[test]
    fn work_is_use_and_a_process_that_only_holds_a_gpu_is_not() {
        assert_eq!(judge(&state(&[Some(0), Some(0)])), Use::Unused);
        assert_eq!(judge(&state(&[Some(0), Some(7)])), Use::Used("GPU 1 is at 7 %".to_owned()));
        assert!(matches!(judge(&state(&[Some(0), None])), Use::Unknown(_)));
        assert!(matches!(judge(&state(&[None, Some(7)])), Use::Used(_)));
    }

    #[test]
    fn a_type_without_gpus_has_none_in_use_and_a_wedged_driver_is_unknown() {
        let state = gpu::State::default();
        assert!(matches!(judge(&state), Use::Unknown(_)));
        state.saw_none();
        assert_eq!(judge(&state), Use::Unused);
        state.expect(Some(4));
        assert!(matches!(judge(&state), Use::Unknown(_)));
    }
}
