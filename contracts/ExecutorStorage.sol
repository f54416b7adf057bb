// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @title ExecutorStorage
/// @notice Storage slots 0 to 4 of the executor, which come before those of `Ownable2Step`.
/// @dev Part of the interface: the executor is simulated by state override where it is not deployed. The phase shares slot 0 with
/// the owner, so that `execute` reads both at once.
abstract contract ExecutorStorage is Ownable {
    // The phase is IDLE, then the flash source while its callback is awaited, then DONE until execute ends.
    uint8 internal constant IDLE = 0;
    uint8 internal constant DONE = 0xff;

    uint8 internal _phase;

    /// @notice The Balancer V3 vault loans of source 1 come from; zero where the chain has none.
    address public balancerVault;

    /// @notice The Aave V3 pool loans of source 2 come from; zero where the chain has none.
    address public aavePool;

    /// @notice Whether an account may call `execute` and `sweep`. The owner may, lane or not.
    mapping(address account => bool) public isLane;

    /// @notice Whether a signal id has been used by an `execute` that succeeded.
    mapping(bytes32 signalId => bool) public consumed;
}
