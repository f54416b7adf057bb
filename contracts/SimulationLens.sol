// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title SimulationLens
/// @notice Answers all of a candidate trade in one `eth_call`: outcome, gas, L1 fee, block, balances, its sender's coins.
/// @dev Never deployed. Its code is put by state override at the account that would send the transaction, so that the target
/// sees its real caller; the call goes to that account.
contract SimulationLens {
    /// @dev `GasPriceOracle` of the OP stack and of Mantle. `getL1Fee(bytes)` takes the unsigned transaction and itself allows 68
    /// bytes for the signature (ethereum-optimism/optimism, packages/contracts-bedrock/src/L2/GasPriceOracle.sol). Mantle's
    /// answers in ether; `tokenRatio()` is how many MNT one is worth, while its operator fee is in MNT already
    /// (mantlenetworkio/mantle-v2, packages/contracts-bedrock; MetaMask/core, MantleLayer1GasFeeFlow.ts).
    address private constant OP_ORACLE = 0x420000000000000000000000000000000000000F;
    /// @dev `L1GasPriceOracle` of Scroll. `getL1Fee(bytes)` takes the signed transaction
    /// (scroll-tech/scroll-contracts, src/L2/predeploys/L1GasPriceOracle.sol).
    address private constant SCROLL_ORACLE = 0x5300000000000000000000000000000000000002;
    /// @dev Precompiles of Arbitrum (OffchainLabs/nitro, docs/arbos/Precompiles.md and precompiles/ArbGasInfo.go).
    address private constant ARB_GAS_INFO = 0x000000000000000000000000000000000000006C;
    address private constant ARB_SYS = 0x0000000000000000000000000000000000000064;

    uint8 private constant L1_FEE_NONE = 0;
    uint8 private constant L1_FEE_OP = 1;
    uint8 private constant L1_FEE_SCROLL = 2;
    uint8 private constant L1_FEE_MANTLE = 3;
    uint8 private constant L1_FEE_ARBITRUM = 4;

    // Stand for what a serialized transaction holds besides its data: up to 57 bytes, and 67 more of signature. Noise, because
    // the OP oracle compresses.
    bytes32 private constant FILLER_0 = keccak256("0");
    bytes32 private constant FILLER_1 = keccak256("1");
    bytes32 private constant FILLER_2 = keccak256("2");
    bytes32 private constant FILLER_3 = keccak256("3");

    /// @notice In `ret`: there is no code at `account`, so nothing was simulated.
    error NoCode(address account);
    /// @notice In `ret`: `token` did not answer `balanceOf`.
    error BalanceUnreadable(address token);
    /// @notice The chain's L1 fee oracle, or its block number, could not be read; nothing in the answer could be trusted.
    error L1FeeUnavailable();
    /// @notice No L1 fee model has this number.
    error UnknownL1FeeModel(uint8 l1FeeModel);
    /// @dev How `probeBalance` returns.
    error BalanceIs(uint256 amount);

    /// @notice Calls `target` with `data` and reports.
    /// @param target the contract to call, in which balances are measured
    /// @param data the calldata of the transaction
    /// @param token whose balance is measured
    /// @param l1FeeModel 0 none, 1 OP stack, 2 Scroll, 3 Mantle, 4 Arbitrum
    /// @param passing tokens that should only pass through `target`; one that cannot be read counts as none left
    /// @return ok whether the call succeeded and everything could be measured; if not, `ret` is its revert data
    /// @return gasUsed gas of the call as a transaction would meet it (accounts and slots cold), before refunds and without the
    /// 21000 and calldata gas every transaction pays
    /// @return l1Fee wei of native coin the chain charges besides gas: for publishing the transaction on L1, as near as can be
    /// known before it is signed and never less, and the OP stack's operator fee; 0 when `ok` is false or the model is 0
    /// @return blockNumber the chain's own block number (on Arbitrum `block.number` is that of L1)
    /// @return timestamp of the block, in seconds
    /// @return balanceBefore of `token` in `target`
    /// @return balanceAfter of `token` in `target`
    /// @return ret return data, or revert data when `ok` is false
    /// @return left how much of each of `passing` the call left in `target`
    /// @return funds wei of native coin that this account holds, before the call
    function simulate(
        address target,
        bytes calldata data,
        address token,
        uint8 l1FeeModel,
        address[] calldata passing
    )
        external
        returns (
            bool ok,
            uint256 gasUsed,
            uint256 l1Fee,
            uint256 blockNumber,
            uint256 timestamp,
            uint256 balanceBefore,
            uint256 balanceAfter,
            bytes memory ret,
            uint256[] memory left,
            uint256 funds
        )
    {
        left = new uint256[](passing.length);
        if (l1FeeModel > L1_FEE_ARBITRUM) revert UnknownL1FeeModel(l1FeeModel);
        timestamp = block.timestamp;
        funds = address(this).balance;
        blockNumber = l1FeeModel == L1_FEE_ARBITRUM
            ? _word(_read(ARB_SYS, abi.encodeWithSignature("arbBlockNumber()"), 1), 0)
            : block.number;

        // a call to an account without code succeeds and does nothing
        if (target.code.length == 0) {
            ret = abi.encodeWithSelector(NoCode.selector, target);
            return (ok, gasUsed, l1Fee, blockNumber, timestamp, balanceBefore, balanceAfter, ret, left, funds);
        }
        (ok, balanceBefore, ret) = _balance(token, target);
        if (!ok) return (ok, gasUsed, l1Fee, blockNumber, timestamp, balanceBefore, balanceAfter, ret, left, funds);

        for (uint256 i; i < passing.length; ++i) {
            (, left[i],) = _balance(passing[i], target);
        }

        uint256 gasBefore = gasleft();
        (ok, ret) = target.call(data);
        gasUsed = gasBefore - gasleft();

        bool readable;
        bytes memory problem;
        (readable, balanceAfter, problem) = _balance(token, target);
        if (!readable) (ok, ret) = (false, problem);
        for (uint256 i; i < passing.length; ++i) {
            (, uint256 balance,) = _balance(passing[i], target);
            left[i] = balance > left[i] ? balance - left[i] : 0;
        }
        if (ok) l1Fee = _l1Fee(data, gasUsed, l1FeeModel);
    }

    /// @notice Always reverts: with `BalanceIs`, or with what kept it from reading.
    /// @dev The revert takes back what the read made warm, so that the gas measured afterwards is a transaction's.
    function probeBalance(address token, address account) external view {
        if (token.code.length == 0) revert NoCode(token);
        (bool ok, bytes memory answer) = token.staticcall(abi.encodeWithSignature("balanceOf(address)", account));
        if (!ok || answer.length < 32) revert BalanceUnreadable(token);
        revert BalanceIs(abi.decode(answer, (uint256)));
    }

    /// @dev `value` when `ok`; otherwise `problem` is revert data that says why not.
    function _balance(address token, address account)
        private
        view
        returns (bool ok, uint256 value, bytes memory problem)
    {
        try this.probeBalance(token, account) {}
        catch (bytes memory answer) {
            if (bytes4(answer) != BalanceIs.selector) return (false, 0, answer);
            assembly ("memory-safe") {
                value := mload(add(answer, 0x24))
            }
            ok = true;
        }
    }

    function _l1Fee(bytes calldata data, uint256 gasUsed, uint8 model) private view returns (uint256) {
        if (model == L1_FEE_NONE) return 0;
        if (model == L1_FEE_ARBITRUM) {
            // Prices are in wei: [0] of a transaction without calldata, [1] of one byte of calldata. What is charged are the bytes
            // after compression, so this is an upper bound.
            bytes memory prices = _read(ARB_GAS_INFO, abi.encodeWithSignature("getPricesInWei()"), 6);
            return _word(prices, 0) + _word(prices, 1) * data.length;
        }
        bytes memory transaction = abi.encodePacked(data, FILLER_0, FILLER_1);
        if (model == L1_FEE_SCROLL) {
            return _oracle(SCROLL_ORACLE, abi.encodePacked(transaction, FILLER_2, FILLER_3));
        }
        uint256 fee = _oracle(OP_ORACLE, transaction);
        if (model == L1_FEE_MANTLE) fee *= _word(_read(OP_ORACLE, abi.encodeWithSignature("tokenRatio()"), 1), 0);
        return fee + _operatorFee(gasUsed + 21_000 + 16 * data.length);
    }

    /// @dev The OP stack's fee per gas besides the L1 fee. Oracles from before the Isthmus upgrade do not know it.
    function _operatorFee(uint256 gasUpperBound) private view returns (uint256) {
        (bool ok, bytes memory answer) =
            OP_ORACLE.staticcall(abi.encodeWithSignature("getOperatorFee(uint256)", gasUpperBound));
        return ok && answer.length >= 32 ? _word(answer, 0) : 0;
    }

    function _oracle(address oracle, bytes memory transaction) private view returns (uint256) {
        return _word(_read(oracle, abi.encodeWithSignature("getL1Fee(bytes)", transaction), 1), 0);
    }

    /// @dev The answer, at least `words` words long. An account without code answers with nothing.
    function _read(address oracle, bytes memory query, uint256 words) private view returns (bytes memory answer) {
        bool ok;
        (ok, answer) = oracle.staticcall(query);
        if (!ok || answer.length < words * 32) revert L1FeeUnavailable();
    }

    function _word(bytes memory data, uint256 index) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), mul(index, 0x20)))
        }
    }
}
