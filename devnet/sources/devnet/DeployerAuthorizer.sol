// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// Balancer V3's authorizer: its deployer may do everything, nobody else anything.
contract DeployerAuthorizer {
    address public immutable deployer;

    constructor() {
        deployer = msg.sender;
    }

    function canPerform(bytes32, address account, address) external view returns (bool) {
        return account == deployer;
    }
}
