//! Compares the structs with `layout/lp64.txt`, both ways.

use super::*;
use std::mem::{offset_of, size_of};

/// From the C headers; the same on every 64-bit Linux.
#[cfg(target_pointer_width = "64")]
const TABLE: &str = include_str!("../../layout/lp64.txt");

macro_rules! rows {
    ($($name:ident { $($field:ident),* })*) => {
        vec![$(
            (stringify!($name).to_owned(), size_of::<$name>()),
            $((
                concat!(stringify!($name), ".", stringify!($field)).replace("r#", ""),
                offset_of!($name, $field),
            ),)*
        )*]
    };
}

#[rustfmt::skip]
fn rust() -> Vec<(String, usize)> {
    rows! {
        fi_info { next, caps, mode, addr_format, src_addrlen, dest_addrlen, src_addr, dest_addr, handle, tx_attr, rx_attr, ep_attr, domain_attr, fabric_attr, nic }
        fi_tx_attr { caps, mode, op_flags, msg_order, comp_order, inject_size, size, iov_limit, rma_iov_limit, tclass }
        fi_rx_attr { caps, mode, op_flags, msg_order, comp_order, total_buffered_recv, size, iov_limit }
        fi_ep_attr { r#type, protocol, protocol_version, max_msg_size, msg_prefix_size, max_order_raw_size, max_order_war_size, max_order_waw_size, mem_tag_format, tx_ctx_cnt, rx_ctx_cnt, auth_key_size, auth_key }
        fi_domain_attr { domain, name, threading, control_progress, data_progress, resource_mgmt, av_type, mr_mode, mr_key_size, cq_data_size, cq_cnt, ep_cnt, tx_ctx_cnt, rx_ctx_cnt, max_ep_tx_ctx, max_ep_rx_ctx, max_ep_stx_ctx, max_ep_srx_ctx, cntr_cnt, mr_iov_limit, caps, mode, auth_key, auth_key_size, max_err_data, mr_cnt, tclass }
        fi_fabric_attr { fabric, name, prov_name, prov_version, api_version }
        fid_nic { fid, device_attr, bus_attr, link_attr, prov_attr }
        fi_bus_attr { bus_type, attr }
        fi_pci_attr { domain_id, bus_id, device_id, function_id }
        fi_link_attr { address, mtu, speed, state, network_type }
        fid { fclass, context, ops }
        fid_fabric { fid, ops, api_version }
        fid_domain { fid, ops, mr }
        fid_ep { fid, ops, cm, msg, rma, tagged, atomic, collective }
        fid_av { fid, ops }
        fid_cq { fid, ops }
        fid_eq { fid, ops }
        fid_mr { fid, mem_desc, key }
        fi_context2 { internal }
        fi_ops { size, close, bind, control, ops_open, tostr, ops_set }
        fi_ops_fabric { size, domain, passive_ep, eq_open, wait_open, trywait, domain2 }
        fi_ops_domain { size, av_open, cq_open, endpoint, scalable_ep, cntr_open, poll_open, stx_ctx, srx_ctx, query_atomic, query_collective, endpoint2 }
        fi_ops_mr { size, reg, regv, regattr }
        fi_ops_ep { size, cancel, getopt, setopt, tx_ctx, rx_ctx, rx_size_left, tx_size_left }
        fi_ops_cm { size, setname, getname, getpeer, connect, listen, accept, reject, shutdown, join }
        fi_ops_msg { size, recv, recvv, recvmsg, send, sendv, sendmsg, inject, senddata, injectdata }
        fi_ops_tagged { size, recv, recvv, recvmsg, send, sendv, sendmsg, inject, senddata, injectdata }
        fi_ops_rma { size, read, readv, readmsg, write, writev, writemsg, inject, writedata, injectdata }
        fi_ops_av { size, insert, insertsvc, insertsym, remove, lookup, straddr, av_set }
        fi_ops_cq { size, read, readfrom, readerr, sread, sreadfrom, signal, strerror }
        fi_ops_eq { size, read, readerr, write, sread, strerror }
        fi_av_attr { r#type, rx_ctx_bits, count, ep_per_node, name, map_addr, flags }
        fi_cq_attr { size, flags, format, wait_obj, signaling_vector, wait_cond, wait_set }
        fi_eq_attr { size, flags, wait_obj, signaling_vector, wait_set }
        fi_cq_tagged_entry { op_context, flags, len, buf, data, tag }
        fi_cq_err_entry { op_context, flags, len, buf, data, tag, olen, err, prov_errno, err_data, err_data_size }
        fi_eq_err_entry { fid, context, data, err, prov_errno, err_data, err_data_size }
    }
}

#[test]
fn rust_lays_out_what_c_does() {
    let c: Vec<(String, usize)> = TABLE
        .lines()
        .map(|line| {
            let (name, number) = line.split_once(' ').expect("two columns");
            (name.to_owned(), number.parse().expect("a number"))
        })
        .collect();
    assert!(c.len() > 150, "the table is whole");
    assert_eq!(rust(), c);
}

#[test]
fn error_entries_have_room_to_grow() {
    assert!(size_of::<ErrorSpace<fi_cq_err_entry>>() >= size_of::<fi_cq_err_entry>() + 256);
    assert_eq!(offset_of!(ErrorSpace<fi_cq_err_entry>, entry), 0);
    assert_eq!(offset_of!(ErrorSpace<fi_eq_err_entry>, entry), 0);
}
