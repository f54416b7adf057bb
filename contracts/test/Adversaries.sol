// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// A call a test plants in a contract below, made once, when the trade gets there. What it answered is kept for the test.
abstract contract Planted {
    address public target;
    bytes public payload;
    bool public called;
    bool public succeeded;
    bytes public answer;

    function plant(address target_, bytes calldata payload_) external {
        (target, payload, called, succeeded, answer) = (target_, payload_, false, false, "");
    }

    function _spring() internal {
        if (target == address(0) || called) return;
        called = true;
        (succeeded, answer) = target.call(payload);
    }
}

/// A V2-style router whose every step the test sets: what it takes of its approval, what it gives, whom it calls in between.
contract PliantRouter is Planted {
    uint256 public take = type(uint256).max;
    uint256 public give;
    bytes public failure;
    bool public failing;

    function set(uint256 take_, uint256 give_) external {
        (take, give) = (take_, give_);
    }

    function fail(bytes calldata failure_) external {
        (failing, failure) = (true, failure_);
    }

    function swapExactTokensForTokens(uint256 amountIn, uint256, address[] calldata path, address to, uint256 deadline)
        external
        returns (uint256[] memory)
    {
        require(path.length == 2 && deadline == block.timestamp, "not as the router is documented");
        if (failing) {
            bytes memory data = failure;
            assembly {
                revert(add(data, 0x20), mload(data))
            }
        }
        uint256 taken = take < amountIn ? take : amountIn;
        if (taken != 0) _must(path[0], abi.encodeCall(IERC20.transferFrom, (msg.sender, address(this), taken)));
        _spring();
        if (give != 0) _must(path[1], abi.encodeCall(IERC20.transfer, (to, give)));
        return new uint256[](2);
    }

    function _must(address token, bytes memory data) private {
        (bool ok,) = token.call(data);
        require(ok, "token");
    }
}

/// Takes more than its approval, if it can.
contract ThiefRouter {
    function swapExactTokensForTokens(uint256, uint256, address[] calldata path, address, uint256) external {
        IERC20(path[0]).transferFrom(msg.sender, address(this), IERC20(path[0]).balanceOf(msg.sender));
    }
}

/// An ERC20 that makes its planted call in the middle of a transfer.
contract HookToken is ERC20("Hook", "HOOK"), Planted {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0)) _spring();
    }
}

/// Like USDT on mainnet: returns nothing, and an approval can only be changed to or from zero.
contract TetherLikeToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        require(amount == 0 || allowance[msg.sender][spender] == 0, "approve from nonzero");
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Counts in shares, each worth a little more than a unit, as staked and lending tokens do: what arrives and what a balance shows is
/// rounded. Its storage is that of OpenZeppelin's ERC20, so that it can take the place of one, balances included.
contract ShareToken {
    uint256 private constant INDEX = 1.000000012345678912e18;

    mapping(address => uint256) private _shares;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 amount);

    function balanceOf(address account) external view returns (uint256) {
        return _shares[account] * INDEX / 1e18;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        uint256 shares = amount * 1e18 / INDEX;
        _shares[from] -= shares;
        _shares[to] += shares;
        emit Transfer(from, to, amount);
        return true;
    }
}

interface IExecutor {
    function onBalancerUnlock(address token, uint256 amount, bytes calldata routeData) external;
    function executeOperation(address asset, uint256 amount, uint256 premium, address initiator, bytes calldata params)
        external
        returns (bool);
}

/// Makes a call for another and hands its revert on.
contract Accomplice {
    function relay(address target, bytes memory data) public {
        (bool ok, bytes memory reason) = target.call(data);
        if (ok) return;
        assembly {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}

/// Stands for either lender and does what the test says.
contract PliantLender is Accomplice {
    enum Mode {
        NeverCallsBack,
        CallsBackTwice,
        CallsTheOtherCallback,
        LetsAnotherCall,
        NamesAnotherInitiator
    }

    Accomplice private accomplice = new Accomplice();

    Mode public mode;

    function set(Mode mode_) external {
        mode = mode_;
    }

    function unlock(bytes calldata data) external returns (bytes memory) {
        if (mode == Mode.NeverCallsBack) return "";
        if (mode == Mode.CallsTheOtherCallback) {
            IExecutor(msg.sender).executeOperation(address(this), 1, 0, msg.sender, "");
            return "";
        }
        if (mode == Mode.LetsAnotherCall) {
            accomplice.relay(msg.sender, data);
            return "";
        }
        for (uint256 i; i < 2; ++i) {
            relay(msg.sender, data);
        }
        return "";
    }

    function flashLoanSimple(address receiver, address asset, uint256 amount, bytes calldata params, uint16) external {
        if (mode == Mode.NeverCallsBack) return;
        if (mode == Mode.CallsTheOtherCallback) {
            IExecutor(receiver).onBalancerUnlock(asset, amount, params);
            return;
        }
        if (mode == Mode.LetsAnotherCall) {
            accomplice.relay(
                receiver, abi.encodeCall(IExecutor.executeOperation, (asset, amount, 0, receiver, params))
            );
            return;
        }
        if (mode == Mode.NamesAnotherInitiator) {
            IExecutor(receiver).executeOperation(asset, amount, 0, address(this), params);
            return;
        }
        IERC20(asset).transfer(receiver, amount);
        IExecutor(receiver).executeOperation(asset, amount, 0, receiver, params);
        IExecutor(receiver).executeOperation(asset, amount, 0, receiver, params);
    }

    function sendTo(IERC20 token, address to, uint256 amount) external {
        token.transfer(to, amount);
    }

    function settle(IERC20, uint256 amount) external pure returns (uint256) {
        return amount;
    }
}

/// Takes no native coin.
contract Coinless {}

/// A stand-in for every chain's L1 fee oracle: answers what the test planted for a selector, and reverts otherwise.
contract PlantedOracle {
    mapping(bytes4 selector => bytes) public answers;
    bytes public asked;

    function plantAnswer(bytes4 selector, bytes calldata answer) external {
        answers[selector] = answer;
    }

    /// `getL1Fee(bytes)`: one wei per byte, so that the test sees the length asked about.
    function getL1Fee(bytes calldata transaction) external pure returns (uint256 fee) {
        for (uint256 i; i < transaction.length; ++i) {
            if (transaction[i] != 0) fee += 1_000_000;
        }
        return fee + transaction.length;
    }

    /// Counts the gas asked about.
    function getOperatorFee(uint256 gasUsed) external view returns (uint256) {
        bytes memory factor = answers[this.getOperatorFee.selector];
        require(factor.length == 32);
        return gasUsed * abi.decode(factor, (uint256));
    }

    fallback() external {
        bytes memory answer = answers[msg.sig];
        require(answer.length != 0);
        assembly {
            return(add(answer, 0x20), mload(answer))
        }
    }
}
