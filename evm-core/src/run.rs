//! Calls and block sessions. An environment is set first; a call drops what it changed, a session keeps it until it is finished,
//! abandoned, or another is begun.
use crate::{
    codec::{put_bytes, read_environment, read_transaction, write_failure, write_outcome, Ran, Reader, Status, Stopped},
    global::{input, output, Global},
    host::{report_panics, HostDb},
    instructions::{aborted, instructions, refill, Ctx},
};
use alloy_rlp::encode_list;
use revm::{
    context::{BlockEnv, CfgEnv, Context, TxEnv},
    context_interface::{ContextTr, JournalTr},
    database::{
        states::{bundle_state::BundleRetention, BundleAccount, BundleState},
        State,
    },
    database_interface::DatabaseCommitExt,
    handler::{MainBuilder, MainnetEvm, SystemCallEvm, SYSTEM_ADDRESS},
    interpreter::interpreter_types::{Jumps, LegacyBytecode},
    primitives::{hardfork::SpecId, Address, Bytes, B256, KECCAK_EMPTY, U256},
    state::{bal::BlockAccessIndex, AccountInfo},
    Database, ExecuteCommitEvm, ExecuteEvm,
};

type Evm<DB> = MainnetEvm<Ctx<DB>>;

static ENVIRONMENT: Global<Option<(CfgEnv, BlockEnv)>> = Global::new(None);
static CALL: Global<Option<Evm<HostDb>>> = Global::new(None);
static BLOCK: Global<Option<Evm<State<HostDb>>>> = Global::new(None);

fn build<DB: Database>(db: DB, cfg: CfgEnv, block: BlockEnv) -> Evm<DB> {
    let spec = cfg.spec;
    let mut context: Ctx<DB> = Context::new(db, spec);
    context.cfg = cfg;
    context.block = block;
    context.journaled_state.set_spec_id(spec);
    let mut evm = context.build_mainnet();
    evm.instruction = instructions(spec);
    evm
}

/// Sets the block and the rules of the runs that follow.
#[no_mangle]
pub extern "C" fn set_env(length: usize) -> i32 {
    report_panics();
    let Ok((cfg, block)) = read_environment(input(length)) else { return Status::Malformed as i32 };
    let slot = CALL.get();
    match slot {
        Some(evm) if evm.ctx.cfg.spec == cfg.spec => {
            evm.ctx.cfg = cfg.clone();
            evm.ctx.block = block.clone();
        }
        _ => *slot = Some(build(HostDb, cfg.clone(), block.clone())),
    }
    *ENVIRONMENT.get() = Some((cfg, block));
    Status::Success as i32
}

/// One transaction whose changes are dropped; its outcome is the output.
#[no_mangle]
pub extern "C" fn call(length: usize) {
    run(CALL.get(), length, |evm, transaction| {
        let ran = evm.transact_one(transaction);
        evm.ctx.journal_mut().finalize();
        ran
    });
}

/// Begins a block session in the environment, before its first transaction.
#[no_mangle]
pub extern "C" fn block_begin() -> i32 {
    let Some((cfg, block)) = ENVIRONMENT.get().clone() else { return Status::Unready as i32 };
    let lists_access = cfg.spec.is_enabled_in(SpecId::AMSTERDAM);
    let state = State::builder().with_database(HostDb).with_bundle_update().with_bal_builder_if(lists_access).build();
    *BLOCK.get() = Some(build(state, cfg, block));
    Status::Success as i32
}

/// What follows has this index in the block's access list (EIP-7928): 0 before the transactions, then one each, then one more.
#[no_mangle]
pub extern "C" fn block_access_index(index: u32) -> i32 {
    let Some(evm) = BLOCK.get() else { return Status::Unready as i32 };
    evm.ctx.journaled_state.db_mut().set_bal_index(BlockAccessIndex::new(index.into()));
    Status::Success as i32
}

/// One transaction that is kept; its outcome is the output.
#[no_mangle]
pub extern "C" fn block_tx(length: usize) {
    run(BLOCK.get(), length, |evm, transaction| evm.transact_commit(transaction));
}

fn run<DB: Database, E: core::fmt::Display>(
    evm: &mut Option<Evm<DB>>,
    length: usize,
    transact: impl FnOnce(&mut Evm<DB>, TxEnv) -> Ran<E>,
) {
    let out = output();
    let Some(evm) = evm else { return write_failure(out, Status::Unready, "no environment is set, or no block is begun") };
    let Ok(transaction) = read_transaction(input(length)) else {
        return write_failure(out, Status::Malformed, "the transaction is not of its layout");
    };
    refill();
    let ran = transact(evm, transaction);
    write_outcome(out, &ran, aborted(), stopped(evm));
}

/// The outermost frame stays where it stopped until the next run.
fn stopped<DB: Database>(evm: &mut Evm<DB>) -> Stopped {
    let mut frame = evm.frame_stack.start_init();
    let interpreter = &frame.get(Default::default).interpreter;
    let at = interpreter.bytecode.pc().checked_sub(1);
    let opcode = at.and_then(|at| interpreter.bytecode.bytecode_slice().get(at).copied()).unwrap_or(0);
    Stopped { opcode, stack: interpreter.stack.len() as u32 }
}

/// address 20 | data. A call by the system address; its outcome is the output.
#[no_mangle]
pub extern "C" fn block_system_call(length: usize) {
    let out = output();
    let Some(evm) = BLOCK.get() else { return write_failure(out, Status::Unready, "no block is begun") };
    let mut reader = Reader(input(length));
    let Ok(address) = reader.address() else { return write_failure(out, Status::Malformed, "no address") };
    refill();
    let ran = evm.system_call_one(address, Bytes::copy_from_slice(reader.0));
    let mut changes = evm.ctx.journal_mut().finalize();
    if ran.is_ok() {
        // As every client does: the system address is not part of what changed.
        changes.remove(&SYSTEM_ADDRESS);
        evm.commit(changes);
    }
    write_outcome(out, &ran, aborted(), Stopped::default());
}

/// address 20 | wei u128. Withdrawals and rewards.
#[no_mangle]
pub extern "C" fn block_credit(length: usize) -> i32 {
    let Some(evm) = BLOCK.get() else { return Status::Unready as i32 };
    let mut reader = Reader(input(length));
    let (Ok(address), Ok(wei)) = (reader.address(), reader.u128()) else { return Status::Malformed as i32 };
    match evm.ctx.journaled_state.db_mut().increment_balances([(address, wei)]) {
        Ok(_) => Status::Success as i32,
        Err(_) => Status::Host as i32,
    }
}

/// Forgets the session.
#[no_mangle]
pub extern "C" fn block_abandon() {
    *BLOCK.get() = None;
}

/// Ends the session; what it changed, net, is the output:
/// n u32 × (address 20, flags u8, nonce u64, balance 32, code hash 32, n u32 × (key 32, value 32)), n u32 × (hash 32, n u32 code),
/// n u32 access list (RLP; no bytes before Amsterdam)
#[no_mangle]
pub extern "C" fn block_finish() -> i32 {
    let Some(mut evm) = BLOCK.get().take() else { return Status::Unready as i32 };
    let clears_empty = evm.ctx.cfg.spec.is_enabled_in(SpecId::SPURIOUS_DRAGON);
    let state = evm.ctx.journaled_state.db_mut();
    state.merge_transitions(BundleRetention::PlainState);
    let access_list = state.take_built_alloy_bal();
    let out = output();
    write_changes(out, &state.take_bundle(), clears_empty);
    let mut encoded = Vec::new();
    if let Some(list) = access_list {
        encode_list(&list, &mut encoded);
    }
    put_bytes(out, &encoded);
    Status::Success as i32
}

const EXISTS: u8 = 1;
/// Destroyed at the end of some transaction: the slots are all that are not zero after.
const WIPED: u8 = 2;
const EXISTED: u8 = 4;
/// Its existence, nonce, balance or code hash is another.
const CHANGED: u8 = 8;

fn write_changes(out: &mut Vec<u8>, bundle: &BundleState, clears_empty: bool) {
    let mut codes: Vec<(B256, Bytes)> = Vec::new();
    let mut count = 0u32;
    out.extend_from_slice(&count.to_le_bytes());
    for (address, account) in bundle.state.iter() {
        if write_account(out, address, account, clears_empty) {
            count += 1;
            codes.extend(new_code(account, bundle));
        }
    }
    out[..4].copy_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&(codes.len() as u32).to_le_bytes());
    for (hash, code) in codes {
        out.extend_from_slice(hash.as_slice());
        put_bytes(out, &code);
    }
}

/// False where nothing of it changed.
fn write_account(out: &mut Vec<u8>, address: &Address, account: &BundleAccount, clears_empty: bool) -> bool {
    // EIP-161: an empty account does not exist.
    let exists = |info: &&AccountInfo| !(clears_empty && info.is_empty());
    let after = account.info.as_ref().filter(exists);
    let before = account.original_info.as_ref().filter(exists);
    let wiped = account.was_destroyed();
    let slots: Vec<(&U256, U256)> = account
        .storage
        .iter()
        .filter(
            |(_, slot)| {
                if wiped {
                    !slot.present_value.is_zero()
                } else {
                    slot.previous_or_original_value != slot.present_value
                }
            },
        )
        .map(|(key, slot)| (key, slot.present_value))
        .collect();
    let fields = |info: &AccountInfo| (info.nonce, info.balance, info.code_hash);
    let changed = after.map(fields) != before.map(fields);
    if !changed && slots.is_empty() && !wiped {
        return false;
    }
    let info = after.cloned().unwrap_or_default();
    out.extend_from_slice(address.as_slice());
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    out.push(flag(after.is_some(), EXISTS) | flag(wiped, WIPED) | flag(before.is_some(), EXISTED) | flag(changed, CHANGED));
    out.extend_from_slice(&info.nonce.to_le_bytes());
    out.extend_from_slice(&info.balance.to_be_bytes::<32>());
    out.extend_from_slice(info.code_hash.as_slice());
    out.extend_from_slice(&(slots.len() as u32).to_le_bytes());
    for (key, value) in slots {
        out.extend_from_slice(&key.to_be_bytes::<32>());
        out.extend_from_slice(&value.to_be_bytes::<32>());
    }
    true
}

/// The code that the account did not have before.
fn new_code(account: &BundleAccount, bundle: &BundleState) -> Option<(B256, Bytes)> {
    let after = account.info.as_ref()?;
    let hash = after.code_hash;
    let before = account.original_info.as_ref().map(|info| info.code_hash);
    if hash == KECCAK_EMPTY || before == Some(hash) {
        return None;
    }
    let code = after.code.clone().or_else(|| bundle.contracts.get(&hash).cloned())?;
    Some((hash, code.original_bytes()))
}
