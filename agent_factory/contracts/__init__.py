"""The nouns that cross a factory's border, each a frozen pydantic record."""

from agent_factory.contracts.build import (
    BuildSpec,
    DataWindow,
    EpisodeRequest,
    EvaluationSpec,
    GateSpec,
    Order,
    StageKind,
    StageSpec,
)
from agent_factory.contracts.check import CheckRun
from agent_factory.contracts.compute import FactoryName, Lease, Pool, ResourceSpec, Usage
from agent_factory.contracts.dataset import DatasetKind, DatasetManifest
from agent_factory.contracts.evaluation import (
    Comparison,
    EvalReport,
    FailureCluster,
    Measure,
    ModelScore,
    TasksetReport,
    Verdict,
)
from agent_factory.contracts.fault import Fault
from agent_factory.contracts.message import Message, Tool, ToolCall
from agent_factory.contracts.model import ModelManifest, ModelStage
from agent_factory.contracts.production import Reconstruction
from agent_factory.contracts.record import DEFAULT_PROJECT, Json, Part, Record
from agent_factory.contracts.release import Agent, Deployment, Release, Session
from agent_factory.contracts.reward import RewardConfig
from agent_factory.contracts.scenario import (
    LEVELS,
    Level,
    Persona,
    Reply,
    Scenario,
    ScenarioSet,
    Solution,
    Split,
    SuccessRules,
)
from agent_factory.contracts.session import Heard, SessionMemory, SessionTurn
from agent_factory.contracts.stage import StageRun
from agent_factory.contracts.trace import Feedback, Outcome, Source, Step, TokenTrace, TokenUsage, Trace

__all__ = [
    "DEFAULT_PROJECT",
    "LEVELS",
    "Agent",
    "BuildSpec",
    "CheckRun",
    "Comparison",
    "DataWindow",
    "DatasetKind",
    "DatasetManifest",
    "Deployment",
    "EpisodeRequest",
    "EvalReport",
    "EvaluationSpec",
    "FactoryName",
    "FailureCluster",
    "Fault",
    "Feedback",
    "GateSpec",
    "Heard",
    "Json",
    "Lease",
    "Level",
    "Measure",
    "Message",
    "ModelManifest",
    "ModelScore",
    "ModelStage",
    "Order",
    "Outcome",
    "Part",
    "Persona",
    "Pool",
    "Reconstruction",
    "Record",
    "Release",
    "Reply",
    "ResourceSpec",
    "RewardConfig",
    "Scenario",
    "ScenarioSet",
    "Session",
    "SessionMemory",
    "SessionTurn",
    "Solution",
    "Source",
    "Split",
    "StageKind",
    "StageRun",
    "StageSpec",
    "Step",
    "SuccessRules",
    "TasksetReport",
    "TokenTrace",
    "TokenUsage",
    "Tool",
    "ToolCall",
    "Trace",
    "Usage",
    "Verdict",
]
