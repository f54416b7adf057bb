// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SimulationLens} from "./SimulationLens.sol";

/// @title BehindLens
/// @notice Answers in one `eth_call` what a candidate trade does alone, and what it does behind trades that are pending.
/// @dev A contract of its own, so that calls without pending trades need not carry its code.
contract BehindLens is SimulationLens {
    /// @notice The candidate could not be run behind the pending trades: the gas of the call is too little for all of them.
    error BehindUnanswered();
    /// @dev How `ask` returns.
    error Answer(bytes answer);

    /// @dev What one pending trade may take, so that one which burns all it is given leaves enough for those after it.
    uint256 private constant PENDING_GAS = 5_000_000;
    /// @dev What the candidate may take behind the pending trades beyond twice what it took alone.
    uint256 private constant BEHIND_GAS = 1_000_000;

    // Words of the answer of `simulate`.
    uint256 private constant OK = 0;
    uint256 private constant GAS_USED = 1;
    uint256 private constant BALANCE_BEFORE = 5;
    uint256 private constant BALANCE_AFTER = 6;

    /// @notice Calls `target` with `data` on the state as it is, and again on the state that the pending calls leave.
    /// @dev Each run of the candidate is taken back, so that the next one meets cold accounts and slots where the pending calls
    /// have not been, and nothing of it. The pending calls come from this account too, whichever account signed them: the
    /// executor treats all that may call it alike.
    /// @param target as in `simulate`, like `data`, `token`, `l1FeeModel` and `passing`
    /// @param pending calldata for `target`, in order; one that reverts, as when it is in a block already, is skipped
    /// @return alone what `simulate` answers
    /// @return behind what `simulate` answers behind all of `pending`; empty when the candidate fails alone
    /// @return takenBy how many of `pending`, from the first on, make the candidate fail or gain less than alone; 0 when it does
    /// as well behind all of them
    function simulateBehind(
        address target,
        bytes calldata data,
        address token,
        uint8 l1FeeModel,
        address[] calldata passing,
        bytes[] calldata pending
    ) external returns (bytes memory alone, bytes memory behind, uint256 takenBy) {
        bytes memory question = abi.encodeCall(this.simulate, (target, data, token, l1FeeModel, passing));
        alone = _undone(question, gasleft());
        if (_word(alone, OK) == 0) return (alone, behind, takenBy);

        uint256 gasBehind = 2 * _word(alone, GAS_USED) + BEHIND_GAS;
        behind = _undone(abi.encodeCall(this.runAndAsk, (target, pending, question, gasBehind)), gasleft());
        if (!_isWorse(behind, alone)) return (alone, behind, takenBy);
        // Worse behind all of them: behind which first?
        for (takenBy = 1; takenBy < pending.length; ++takenBy) {
            _run(target, pending[takenBy - 1]);
            if (_isWorse(_undone(question, gasBehind), alone)) break;
        }
    }

    /// @notice Always reverts: with the `Answer` to `question`, a call of this contract, or as that call reverted.
    function ask(bytes calldata question) external {
        (bool ok, bytes memory answer) = address(this).call(question);
        if (ok) revert Answer(answer);
        _revertWith(answer);
    }

    /// @notice Makes the pending calls, then answers `question` as a call of this contract with `gas` would.
    function runAndAsk(address target, bytes[] calldata pending, bytes calldata question, uint256 gas) external {
        for (uint256 i; i < pending.length; ++i) {
            _run(target, pending[i]);
        }
        bytes memory answer = _undone(question, gas);
        assembly ("memory-safe") {
            return(add(answer, 0x20), mload(answer))
        }
    }

    /// @dev The answer to a call of this contract, whose effects are taken back, what it made warm included.
    function _undone(bytes memory question, uint256 gas) private returns (bytes memory answer) {
        try this.ask{gas: gas}(question) {}
        catch (bytes memory problem) {
            if (problem.length == 0) revert BehindUnanswered();
            if (bytes4(problem) != Answer.selector) _revertWith(problem);
            assembly ("memory-safe") {
                // length of the revert data, selector, offset; then the answer
                answer := add(problem, 0x44)
            }
        }
    }

    function _run(address target, bytes calldata data) private {
        (bool ok,) = target.call{gas: PENDING_GAS}(data);
        ok;
    }

    function _isWorse(bytes memory answer, bytes memory than) private pure returns (bool) {
        return _word(answer, OK) == 0 || _gain(answer) < _gain(than);
    }

    function _gain(bytes memory answer) private pure returns (int256) {
        return int256(_word(answer, BALANCE_AFTER)) - int256(_word(answer, BALANCE_BEFORE));
    }

    function _revertWith(bytes memory problem) private pure {
        assembly ("memory-safe") {
            revert(add(problem, 0x20), mload(problem))
        }
    }
}
