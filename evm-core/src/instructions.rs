//! Time: an embedder's deadline is looked at each time the fuel is burnt. Every loop passes a JUMPDEST, so counting those bounds the
//! jumps between two looks; a call may end in a precompile of several milliseconds, so it counts as many.
//!
//! And stacks: revm takes the operands of some instructions in two steps; the count that geth's `stack underflow (3 <=> 7)` tells is
//! that before the first, so those are checked as a whole.
use crate::{global::Global, host};
use revm::{
    context::{BlockEnv, CfgEnv, Context, Journal, TxEnv},
    context_interface::context::ContextError,
    handler::instructions::EthInstructions,
    interpreter::{
        instructions::{contract, host as host_instructions},
        interpreter::EthInterpreter,
        Instruction, InstructionContext, InstructionResult,
    },
    primitives::hardfork::SpecId,
    Database,
};

pub type Ctx<DB> = Context<BlockEnv, TxEnv, CfgEnv, DB, Journal<DB>, ()>;

/// Jumps between two looks at the clock.
const TANK: u32 = 8192;
/// Jumps that one call counts as.
const CALL: u32 = 256;
const JUMPDEST: u8 = 0x5b;
const JUMPDEST_GAS: u16 = 1;
const CREATE2: u8 = 0xf5;

static FUEL: Global<u32> = Global::new(TANK);
static ABORTED: Global<bool> = Global::new(false);

/// Before each run.
pub fn refill() {
    *FUEL.get() = TANK;
    *ABORTED.get() = false;
}

/// True where the run ended because the embedder wanted it to.
pub fn aborted() -> bool {
    *ABORTED.get()
}

#[inline(always)]
fn burn<DB: Database>(jumps: u32, context: &mut Ctx<DB>) -> Result<(), InstructionResult> {
    let fuel = FUEL.get();
    if *fuel > jumps {
        *fuel -= jumps;
        return Ok(());
    }
    look(context)
}

#[cold]
#[inline(never)]
fn look<DB: Database>(context: &mut Ctx<DB>) -> Result<(), InstructionResult> {
    *FUEL.get() = TANK;
    if !host::expired() {
        return Ok(());
    }
    *ABORTED.get() = true;
    context.error = Err(ContextError::Custom("aborted".into()));
    Err(InstructionResult::FatalExternalError)
}

fn jumpdest<DB: Database>(at: At<'_, DB>) -> Result<(), InstructionResult> {
    burn(1, at.host)
}

type At<'a, DB> = InstructionContext<'a, Ctx<DB>, EthInterpreter>;

#[inline(always)]
fn need<DB: Database>(operands: usize, at: &At<'_, DB>) -> Result<(), InstructionResult> {
    if at.interpreter.stack.len() < operands {
        Err(InstructionResult::StackUnderflow)
    } else {
        Ok(())
    }
}

fn call<const OPCODE: u8, const OPERANDS: usize, DB: Database>(at: At<'_, DB>) -> Result<(), InstructionResult> {
    need(OPERANDS, &at)?;
    burn(CALL, at.host)?;
    contract::call::<OPCODE, _, _>(at)
}

fn create2<DB: Database>(at: At<'_, DB>) -> Result<(), InstructionResult> {
    need(4, &at)?;
    contract::create::<true, _, _>(at)
}

fn log<const TOPICS: usize, DB: Database>(at: At<'_, DB>) -> Result<(), InstructionResult> {
    need(TOPICS + 2, &at)?;
    host_instructions::log::<TOPICS, _>(at)
}

/// The instructions of a fork, with those that burn fuel.
pub fn instructions<DB: Database>(spec: SpecId) -> EthInstructions<EthInterpreter, Ctx<DB>> {
    let mut table = EthInstructions::new_mainnet_with_spec(spec);
    table.insert_instruction(JUMPDEST, Instruction::new(jumpdest::<DB>), JUMPDEST_GAS);
    let gas = *table.gas_table();
    let ours = [
        (0xa1, Instruction::new(log::<1, DB>)),
        (0xa2, Instruction::new(log::<2, DB>)),
        (0xa3, Instruction::new(log::<3, DB>)),
        (0xa4, Instruction::new(log::<4, DB>)),
        (0xf1, Instruction::new(call::<0xf1, 7, DB>)),
        (0xf2, Instruction::new(call::<0xf2, 7, DB>)),
        (0xf4, Instruction::new(call::<0xf4, 6, DB>)),
        (0xfa, Instruction::new(call::<0xfa, 6, DB>)),
    ];
    for (opcode, instruction) in ours {
        // An opcode that costs nothing is not there yet in this fork.
        if gas[opcode as usize] != 0 {
            table.insert_instruction(opcode, instruction, gas[opcode as usize]);
        }
    }
    if spec.is_enabled_in(SpecId::PETERSBURG) {
        table.insert_instruction(CREATE2, Instruction::new(create2::<DB>), gas[CREATE2 as usize]);
    }
    table
}
