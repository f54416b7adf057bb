// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// Curve's pools of uint256 coins are published neither as code nor as sources: these have their functions and nothing behind.

contract CurveUintDouble {
    address[3] public coins;

    constructor(address a, address b, address c) {
        coins = [a, b, c];
    }

    function exchange(uint256, uint256, uint256, uint256) external pure {}
}

contract CurveFiveDouble {
    function exchange(uint256, uint256, uint256, uint256, bool) external pure {}
}
